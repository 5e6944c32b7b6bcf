import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ruleFiles } from './generate.ts';
import { type AlertingRule, environmentRules, operatorRules, type Rule, type RuleGroup } from './index.ts';
import { cases } from './test/cases.ts';
import { here } from './test/series.ts';

const root = join(import.meta.dirname, '../../../..');
const runbooks = join(root, 'docs/runbooks');

const all = [...environmentRules('all'), ...operatorRules()];
const rulesOf = (groups: readonly RuleGroup[]): Rule[] => groups.flatMap(({ rules }) => rules);
const alertsOf = (groups: readonly RuleGroup[]): AlertingRule[] =>
  rulesOf(groups).flatMap((rule) => ('alert' in rule ? [rule] : []));
const names = [...new Set(alertsOf(all).map(({ alert }) => alert))].sort();

/** `name/severity` of each alert. */
const kinds = alertsOf(all).map(({ alert, labels }) => `${alert}/${labels.severity}`);

describe('alerts', () => {
  it('[RU5] each fires in a case and is silent in one of nearly the same', () => {
    const fired = new Set(
      cases.flatMap(({ firing }) =>
        Object.values(firing).flatMap((at) => at.map(({ alertname, severity }) => `${alertname}/${severity}`)),
      ),
    );
    const near = new Set(cases.flatMap((one) => one.near ?? []));
    expect(kinds.filter((kind) => !fired.has(kind))).toEqual([]);
    expect(kinds.filter((kind) => !near.has(kind))).toEqual([]);
    expect([...near].filter((kind) => !kinds.includes(kind))).toEqual([]);
    for (const { near: silent = [], firing } of cases) {
      const fires = Object.values(firing).flatMap((at) => at.map((one) => `${one.alertname}/${one.severity}`));
      expect(fires.filter((kind) => silent.includes(kind))).toEqual([]);
    }
  });

  it('[RU6] each has a runbook and each runbook an alert, the list names all, and links lead to files', () => {
    const files = readdirSync(runbooks).filter((file) => file !== 'README.md');
    expect(files.sort()).toEqual(names.map((name) => `${name}.md`));
    const list = readFileSync(join(runbooks, 'README.md'), 'utf8');
    const listed = [...list.matchAll(/^\| \[(\w+)\]\(\1\.md\) \| ([a-z, ]+) \|/gm)];
    expect(listed.map(([, name]) => name)).toEqual(names);
    for (const [, name = '', severities = ''] of listed) {
      const has = kinds.filter((kind) => kind.startsWith(`${name}/`)).map((kind) => kind.split('/')[1]);
      expect([name, ...severities.split(', ')]).toEqual([name, ...has]);
    }
    for (const file of [...files, 'README.md']) {
      const links = readFileSync(join(runbooks, file), 'utf8').matchAll(/\]\(((?!http)[^)#]+)[^)]*\)/g);
      for (const [, link = ''] of links) expect(() => readFileSync(join(runbooks, link))).not.toThrow();
    }
  });

  it.each(names)('[RU6] the runbook of %s has its sections, a command and a query', (name) => {
    const text = readFileSync(join(runbooks, `${name}.md`), 'utf8');
    expect(text.startsWith(`# ${name}\n`)).toBe(true);
    const sections = text.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split('\n', 1)[0])).toEqual([
      'Meaning',
      'Impact',
      'Look',
      'Mend',
      'Over when',
    ]);
    for (const section of sections) expect(section.split('\n').slice(1).join('').length).toBeGreaterThan(20);
    expect(sections[2]).toMatch(/^kubectl .*(<namespace>|collabeditor-system)/m);
    expect(sections[2]).toContain('```promql\n');
    // Streams of Loki are found by its own name for the environment.
    for (const [, query = ''] of text.matchAll(/```logql\n([^`]*)```/g)) {
      for (const line of query.trim().split('\n')) {
        expect(line).toMatch(/^\{namespace="<namespace>", instance="<name>"(, component="[\w-]+")?\}/);
      }
    }
  });

  it.each(alertsOf(all).map((alert) => [`${alert.alert}/${alert.labels.severity}`, alert] as const))(
    '[RU7] %s tells where, what, how much, and where to begin',
    (_, { alert, annotations, for: after }) => {
      expect(annotations.runbook_url).toBe(
        `https://github.com/collabeditor/collabeditor/blob/main/docs/runbooks/${alert}.md`,
      );
      expect(annotations.description.match(/Start with: kubectl /g)).toHaveLength(1);
      expect(annotations.summary).not.toMatch(/\.$/);
      if (!alert.startsWith('CollabOperator')) {
        expect(annotations.summary).toContain('{{ $labels.namespace }}/{{ $labels.environment }}');
        expect(annotations.description).toContain('-n {{ $labels.namespace }} ');
      }
      expect(() => readFileSync(join(root, 'config/dashboards', `${annotations.dashboard}.json`))).not.toThrow();
      expect(after).toMatch(/^\d+[mh]$/);
    },
  );
});

describe('runbooks', () => {
  it('[RU6] every event that they look for in logs is one that a service writes', () => {
    const services = join(root, 'services');
    const sources = readdirSync(services, { recursive: true, encoding: 'utf8' })
      .filter((file) => /^\w+\/src\/.*(?<!test)\.ts$/.test(file))
      .map((file) => readFileSync(join(services, file), 'utf8'))
      .join('\n');
    const pages = readdirSync(runbooks).map((file) => readFileSync(join(runbooks, file), 'utf8'));
    const events = pages.flatMap((page) =>
      [...page.matchAll(/event=~?"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|')),
    );
    expect(events.length).toBeGreaterThan(5);
    expect(events.filter((event) => !sources.includes(`'${event}'`))).toEqual([]);
  });
});

describe('rules', () => {
  it('[RU8] burn rates are recorded before alerts read them', () => {
    const [objectives] = environmentRules('all');
    const kindsOfRules = objectives?.rules.map((rule) => ('record' in rule ? 'record' : 'alert')) ?? [];
    expect(kindsOfRules.lastIndexOf('record')).toBeLessThan(kindsOfRules.indexOf('alert'));
    const recorded = new Set(rulesOf(all).flatMap((rule) => ('record' in rule ? [rule.record] : [])));
    for (const { expr } of rulesOf(all)) {
      for (const [name] of expr.matchAll(/collab:[\w:]+/g)) expect(recorded).toContain(name);
    }
    for (const { alert, expr } of alertsOf(environmentRules('all')).slice(0, 6)) {
      expect([alert, expr]).toEqual([alert, expect.stringMatching(/collab:\w+:ratio_rate/)]);
    }
  });

  it('[RU8] every rule that reads metrics aggregates by namespace and environment', () => {
    for (const rule of rulesOf(environmentRules('all'))) {
      const what = 'alert' in rule ? rule.alert : rule.record;
      const readsRecordsOnly = !/(?<![\w:])(collab_|http_|up\{|kubelet|rabbitmq_disk_space)/.test(rule.expr);
      expect([what, readsRecordsOnly || /by \(namespace, environment[,)]/.test(rule.expr)]).toEqual([what, true]);
    }
  });

  it('[RU4] every selector of one environment names it', () => {
    for (const { expr } of rulesOf(environmentRules(here))) {
      const selectors = [...expr.matchAll(/([A-Za-z_:][\w:]*)\{([^}]*)\}/g)];
      expect(selectors.length).toBeGreaterThan(0);
      for (const [selector, name = '', matchers = ''] of selectors) {
        expect(matchers).toContain(`namespace="${here.namespace}"`);
        const isClaim = name.startsWith('kubelet_');
        expect([selector, matchers]).toEqual([
          selector,
          expect.stringContaining(isClaim ? `data-(${here.environment})-` : `environment="${here.environment}"`),
        ]);
      }
      const bare = expr.replaceAll(/"[^"]*"/g, '').replaceAll(/[A-Za-z_:][\w:]*\{[^}]*\}/g, '');
      expect(bare).not.toMatch(/\b(collab_\w+|collab:\S+|up|http_\w+|rabbitmq_\w+|kubelet_\w+)\b/);
    }
  });

  it('[RU9] the committed files are what the rules generate', () => {
    for (const { path, content } of ruleFiles()) {
      expect(readFileSync(join(root, path), 'utf8')).toBe(content);
    }
  });
});
