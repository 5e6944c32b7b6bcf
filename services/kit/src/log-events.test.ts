import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import ts from 'typescript';

interface LogCall {
  readonly where: string;
  readonly level: string;
  readonly event: string | undefined;
  readonly message: string | undefined;
}

const services = join(import.meta.dirname, '../..');
const levels: ReadonlySet<string> = new Set(['debug', 'info', 'warn', 'error', 'fatal']);

/** Every call of a logger in the sources of the services. */
function logCalls(): readonly LogCall[] {
  const files = globSync('*/src/**/*.ts', { cwd: services }).filter((file) => !/\.i?test\.ts$/.test(file));
  return files.flatMap((file) => {
    const text = readFileSync(join(services, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const calls: LogCall[] = [];
    const visit = (node: ts.Node): void => {
      const level = ts.isCallExpression(node) ? levelOf(node) : undefined;
      if (ts.isCallExpression(node) && level !== undefined) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        calls.push({ where: `${file}:${line + 1}`, level, ...partsOf(node, source) });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return calls;
  });
}

/** Undefined for what is no call of a logger. */
function levelOf({ expression }: ts.CallExpression): string | undefined {
  if (!ts.isPropertyAccessExpression(expression) || !levels.has(expression.name.text)) return undefined;
  return /(^|\.)#?(log|logger)$/.test(expression.expression.getText()) ? expression.name.text : undefined;
}

function partsOf(
  { arguments: [fields, message] }: ts.CallExpression,
  source: ts.SourceFile,
): Omit<LogCall, 'where' | 'level'> {
  const named = fields && ts.isIdentifier(fields) ? initialiserOf(fields.text, source) : fields;
  const event = objectOf(named)?.properties.find(
    (property): property is ts.PropertyAssignment =>
      ts.isPropertyAssignment(property) && property.name.getText() === 'event',
  )?.initializer;
  return { event: literalOf(event), message: literalOf(message) };
}

function initialiserOf(name: string, source: ts.SourceFile): ts.Expression | undefined {
  let found: ts.Expression | undefined;
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.name.getText() === name) found = node.initializer;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function objectOf(expression: ts.Expression | undefined): ts.ObjectLiteralExpression | undefined {
  if (!expression) return undefined;
  if (ts.isAsExpression(expression)) return objectOf(expression.expression);
  return ts.isObjectLiteralExpression(expression) ? expression : undefined;
}

function literalOf(expression: ts.Expression | undefined): string | undefined {
  return expression && ts.isStringLiteral(expression) ? expression.text : undefined;
}

it('[KI80] every event has one sentence and every sentence one event, both written out', () => {
  const calls = logCalls();
  expect(calls.length).toBeGreaterThan(30);
  const messages = new Map<string, string>();
  const events = new Map<string, string>();
  for (const { where, event, message } of calls) {
    expect({ where, event, message }).toEqual({
      where,
      event: expect.stringMatching(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/),
      message: expect.stringMatching(/^[A-Z][^.!]*$/),
    });
    const [name, sentence] = [String(event), String(message)];
    expect({ where, sentence: messages.get(name) ?? sentence }).toEqual({ where, sentence });
    expect({ where, name: events.get(sentence) ?? name }).toEqual({ where, name });
    messages.set(name, sentence);
    events.set(sentence, name);
  }
});

it('[KI81] nothing is written at info per request, message or connection', () => {
  const atInfo = logCalls().filter(({ level }) => level === 'info');
  expect([...new Set(atInfo.map(({ event }) => event))].sort()).toEqual([
    'broker_back',
    'database_awaited',
    'database_back',
    'edits_durable',
    // One a mail, where an environment has no other place for it.
    'mail_logged',
    'migration_applied',
    'ready',
    'redis_back',
    'signing_keys_read',
    'stopped',
    'stopping',
    'trash_emptied',
  ]);
});
