const never = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const tests = '\\.(test|itest|e2e)\\.ts$|/test/';

module.exports = {
  forbidden: [
    never('no-cycles', 'A cycle means that two files are one.', {}, { circular: true }),
    never('no-orphan-imports', 'Every import resolves.', {}, { couldNotResolve: true }),
    never(
      'packages-are-leaves',
      'packages/ know no service and no operator.',
      { path: '^packages/' },
      { path: '^(services|operator|test|scripts)/', pathNot: '^test/' },
    ),
    never(
      'packages-are-isomorphic',
      'packages/ run in browsers.',
      { path: '^packages/[^/]+/src', pathNot: tests },
      { dependencyTypes: ['core'] },
    ),
    never(
      'kit-knows-no-domain',
      'The kit is the runtime under the services.',
      { path: '^services/kit/' },
      { path: '^services/(?!kit/)' },
    ),
    never(
      'services-meet-on-the-wire',
      'A service never imports another.',
      { path: '^services/(user|document|realtime|notification)/', pathNot: tests },
      { path: '^services/(?!kit/)', pathNot: '^services/$1/' },
    ),
    never('services-know-no-operator', 'Services run anywhere.', { path: '^services/' }, { path: '^operator/' }),
    never(
      'operator-stands-alone',
      'The operator imports nothing of the services.',
      { path: '^operator/src', pathNot: tests },
      { path: '^(services|packages)/' },
    ),
    never(
      'kube-knows-no-resource',
      'kube/ is a library.',
      { path: '^operator/src/kube/' },
      { path: '^operator/src/(?!kube/)' },
    ),
    never(
      'api-is-pure',
      'The resource is data.',
      { path: '^operator/src/api/', pathNot: tests },
      { path: '^operator/src/(?!api/)' },
    ),
    never(
      'desired-and-status-are-pure',
      'Desired children and conditions are pure functions.',
      { path: '^operator/src/(resources|status)/', pathNot: tests },
      { path: '^operator/src/(reconcile|main)' },
    ),
    never(
      'pure-means-no-kube-code',
      'Only types of kube/.',
      { path: '^operator/src/(resources|status)/', pathNot: tests },
      { path: '^operator/src/kube/', dependencyTypesNot: ['type-only'] },
    ),
    never(
      'dashboards-are-data',
      'The operator takes the committed dashboards; what writes them stays out of its bundle.',
      {
        path: '^operator/src/(?!observability/dashboards/)|^operator/src/observability/dashboards/(index|queries|substitute|committed)[.]',
        pathNot: tests,
      },
      {
        path: '^node_modules/@grafana/|^operator/src/observability/dashboards/(boards/|rows/|board|generate|objectives|panels|selectors|targets|variables)',
      },
    ),
    never(
      'nothing-imports-tests',
      'test/ and scripts/ are leaves.',
      { path: '^(packages|services|operator)/', pathNot: tests },
      { path: '^(test|scripts|bench)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(image|node_modules/\\.cache)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
