import { isError } from './problem.ts';

/** Characters of one value, and of a stack of calls. */
const LONGEST_TEXT = 1_024;
const LONGEST_STACK = 4_096;
/** Looked at beyond a cut, so that a secret that begins before it is seen as one. */
const BEYOND = 1_024;
/** Of all fields of a line, escapes counted: container runtimes split lines of more than 16 KiB. */
const LONGEST_FIELDS = 12_000;
const DEEPEST = 6;
const MOST_ITEMS = 50;
const CUT = '…';
const REDACTED = '[redacted]';

/** Names, letters only, of what is a secret or a text of a user wherever it turns up. */
const secretName = /authorization|cookie|credential|jwk|pass(?:word|wd|phrase)|privatekey|apikey|secret|token/;
const contentNames: ReadonlySet<string> = new Set([
  'body',
  'changes',
  'content',
  'html',
  'insert',
  'inverse',
  'payload',
  'text',
] as const);
/** What the line itself has; a field of the same name would be there twice. */
const taken: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'service', 'pod', 'msg']);

/**
 * The fields of a line as they may be written: secrets and texts masked at any depth, every value and their sum bounded, errors
 * without what drivers attach to them. Whatever a value does when it is read, this answers.
 */
export function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const budget: Budget = { left: LONGEST_FIELDS };
  const safe: Record<string, unknown> = {};
  for (const [name, value] of entriesOf(fields)) {
    if (!/^[\w.-]{1,64}$/.test(name) || value === undefined) continue;
    safe[taken.has(name) ? `${name}_` : name] = safeValue(name, value, DEEPEST, budget);
  }
  return safe;
}

/**
 * Escapes what JSON leaves as it is but a terminal or a log store may take for the end of a line, a command or a change of direction.
 * In JSON such a character can only stand in a string, so the line says the same as before.
 */
export function onOneLine(line: string): string {
  if (!/[^\x20-\x7e\n]/.test(line)) return line;
  return line.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

interface Budget {
  left: number;
}

function safeValue(name: string, value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= weightOf(name) + 8;
  if (budget.left < 0) return CUT;
  const letters = name.toLowerCase().replaceAll(/[^a-z]/g, '');
  if (value !== null && (secretName.test(letters) || contentNames.has(letters))) return REDACTED;
  switch (typeof value) {
    case 'string':
      return safeText(value, LONGEST_TEXT, budget);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return safeText(String(value), LONGEST_TEXT, budget);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : readable(value, depth, budget);
    default:
      return undefined;
  }
}

/** Getters may throw, and a proxy whatever is asked of it. */
function readable(value: object, depth: number, budget: Budget): unknown {
  try {
    return safeObject(value, depth, budget);
  } catch {
    return '[unreadable]';
  }
}

function safeObject(value: object, depth: number, budget: Budget): unknown {
  if (depth === 0) return CUT;
  if (isError(value)) return describeError(value, depth, budget);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return '[bytes]';
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const safe = items.slice(0, MOST_ITEMS).map((item) => safeValue('', item, depth - 1, budget) ?? null);
    return items.length > MOST_ITEMS ? [...safe, CUT] : safe;
  }
  const safe: Record<string, unknown> = {};
  for (const [name, inner] of entriesOf(value).slice(0, MOST_ITEMS)) {
    if (budget.left < 0) break;
    safe[maskSecrets(name.slice(0, 64))] = safeValue(name, inner, depth - 1, budget);
  }
  return safe;
}

/** Only what is known to be free of values: drivers attach rows and parameters to their errors. */
function describeError(error: Error, depth: number, budget: Budget): Record<string, unknown> {
  const inner = read(error, 'errors');
  const causes: readonly unknown[] = Array.isArray(inner) ? inner : [];
  const { cause } = error;
  const code = read(error, 'code');
  return {
    type: safeText(error.name, 64, budget),
    message: safeText(messageOf(error, causes), LONGEST_TEXT, budget),
    ...(typeof code === 'string' ? { code: safeText(code, 64, budget) } : {}),
    stack: safeText(framesOf(error), LONGEST_STACK, budget),
    ...(cause === undefined || cause === null ? {} : { cause: safeValue('cause', cause, depth - 1, budget) }),
  };
}

function messageOf(error: Error, causes: readonly unknown[]): string {
  const { message } = error;
  // The parser cites what it could not read.
  if (error.name === 'SyntaxError' && message.includes('JSON')) return 'the text is no JSON';
  return message === '' ? causes.slice(0, 5).map(String).join('; ') : message;
}

/** Where it happened, without the message, which a stack begins with. */
function framesOf(error: Error): string {
  const frames = (error.stack ?? '')
    .slice(0, 2 * LONGEST_STACK)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  return frames.map((line) => line.trim()).join('\n');
}

function safeText(text: string, longest: number, budget: Budget): string {
  const masked = maskSecrets(text.slice(0, longest + BEYOND));
  const cut = masked.length > longest ? masked.slice(0, longest) + CUT : masked;
  budget.left -= weightOf(cut);
  return budget.left < 0 ? CUT : cut;
}

/** Characters that JSON or {@link onOneLine} may escape count as their escapes. */
function weightOf(text: string): number {
  return text.length + 5 * (text.match(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g)?.length ?? 0);
}

const masks: readonly (readonly [RegExp, string])[] = [
  // User and password of a URI, whatever characters the password has that it should not have.
  [/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/"'<>@][^\s"'<>]*@/gi, `$1${REDACTED}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g, REDACTED],
  [/((?:pass(?:word|wd)?|pwd|secret|token|api_?key)["']?\s*[=:]\s*)["']?(?!\*{3})[^\s"',;&#]+/gi, `$1${REDACTED}`],
];

function maskSecrets(text: string): string {
  // Most texts have nothing that any of them begins with.
  if (!/[=:@]|bearer|basic|eyJ/i.test(text)) return text;
  return masks.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
}

function entriesOf(value: object): [string, unknown][] {
  return Object.keys(value).map((name) => [name, read(value, name)]);
}

function read(value: object, name: string): unknown {
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}
