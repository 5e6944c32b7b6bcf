import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../../../../../test/cluster/src/build.ts';
import { stringify } from 'yaml';
import type { RuleGroup } from '../index.ts';
import type { Case } from './case.ts';

export interface Verdict {
  readonly ok: boolean;
  readonly said: string;
}

/** Prometheus' own tool for rules, on files of a folder that goes away with it. */
export class Promtool implements Disposable {
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'collabeditor-rules-'));

  private constructor(program: string) {
    this.#program = program;
  }

  static async have(): Promise<Promtool> {
    const programs = (await build(['prometheus'], { quiet: true })).get('prometheus') ?? '';
    return new Promtool(join(programs, 'promtool'));
  }

  /** Whether the groups are a valid file of rules. */
  async check(groups: readonly RuleGroup[]): Promise<Verdict> {
    return this.#run('check', 'rules', '--lint=all', '--lint-fatal', this.#file('rules.yaml', { groups }));
  }

  async checkFile(path: string): Promise<Verdict> {
    return this.#run('check', 'rules', '--lint=all', '--lint-fatal', path);
  }

  async checkConfiguration(path: string): Promise<Verdict> {
    return this.#run('check', 'config', path);
  }

  /** Plays the series to the rules and compares what fires, at each moment of the case, with what should. */
  async play(groups: readonly RuleGroup[], one: Case): Promise<Verdict> {
    const moments = Object.entries(one.firing).map(([minute, alerts]) => ({
      expr: 'ALERTS{alertstate="firing"}',
      eval_time: seconds(Number(minute)),
      exp_samples: alerts.map((labels) => ({ labels: sample(labels), value: 1 })),
    }));
    return this.#test(groups, one, { promql_expr_test: moments });
  }

  /** What an alert of the case tells its reader, or undefined where it does not fire. */
  async text(groups: readonly RuleGroup[], one: Case, alertname: string, minute: number): Promise<string | undefined> {
    const expectation = [{ eval_time: seconds(minute), alertname, exp_alerts: [] }];
    // It is told what it did not expect, annotations and all.
    const { ok, said } = await this.#test(groups, one, { alert_rule_test: expectation });
    return ok ? undefined : said;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #test(groups: readonly RuleGroup[], one: Case, expectations: object): Promise<Verdict> {
    const input = Object.entries(one.series).map(([series, values]) => ({ series, values }));
    const test = { name: one.name, interval: '15s', input_series: input, ...expectations };
    const rules = this.#file('rules.yaml', { groups });
    const file = { rule_files: [rules], evaluation_interval: '30s', tests: [test] };
    return this.#run('test', 'rules', this.#file('test.yaml', file));
  }

  #file(name: string, content: unknown): string {
    const path = join(this.#folder, name);
    writeFileSync(path, stringify(content, { lineWidth: 0 }));
    return path;
  }

  async #run(...args: readonly string[]): Promise<Verdict> {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    execFile(this.#program, args, { maxBuffer: 1 << 26 }, (error, out, err) =>
      resolve({ ok: error === null, said: `${out}${err}` }),
    );
    return promise;
  }
}

function seconds(minute: number): string {
  return `${Math.round(minute * 60)}s`;
}

function sample(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries({ alertstate: 'firing', ...labels }).map(([name, value]) => `${name}="${value}"`);
  return `ALERTS{${all.join(', ')}}`;
}
