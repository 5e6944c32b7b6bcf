const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/strip-types.js' },
  testPathIgnorePatterns: ['/node_modules/', '/image/'],
  modulePathIgnorePatterns: ['/image/', '/.state/'],
};

export default {
  // Jest reads it here only, not in a project. Long suites set their own.
  testTimeout: 60_000,
  projects: [
    { ...common, displayName: 'unit', testMatch: ['**/*.test.ts'] },
    {
      ...common,
      displayName: 'integration',
      testMatch: ['**/*.itest.ts'],
      globalSetup: '<rootDir>/test/harness/setup.ts',
      globalTeardown: '<rootDir>/test/harness/teardown.ts',
    },
    { ...common, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.e2e.ts'] },
  ],
};
