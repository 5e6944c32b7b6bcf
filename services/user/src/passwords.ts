import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { unavailable } from '@collabeditor/kit';

/** OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const TAG_LENGTH = 32;
/** Requests that may wait for a turn; more would only wait for their own timeouts. */
const MAX_WAITING = 500;

const deriveKey = promisify(argon2);

export interface Passwords {
  /** PHC string of a new password. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the hashed one. Without a hash it takes as long and is false, so that an unknown address
   * can't be told by its time.
   */
  matches(password: string, hash: string | null, turn?: Turn): Promise<boolean>;
}

/** What happens within a check's turn, before the next one has its own. */
interface Turn {
  /** What it throws ends the check before it costs anything. */
  admit(): Promise<void>;
  /** The password was wrong. */
  refused(): Promise<void>;
}

/** A hash keeps a core busy for tens of milliseconds, so as many run at once as there are cores and the rest waits. */
export function createPasswords(concurrency = availableParallelism()): Passwords {
  const inTurn = createGate(concurrency);
  const decoy = encode(randomBytes(16), randomBytes(TAG_LENGTH));
  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(16);
        return encode(salt, await derive(password, salt, cost, TAG_LENGTH));
      }),
    matches: (password, hash, turn) =>
      inTurn(async () => {
        await turn?.admit();
        const { salt, tag, ...parameters } = decode(hash ?? decoy);
        const same = timingSafeEqual(await derive(password, salt, parameters, tag.length), tag) && hash !== null;
        if (!same) await turn?.refused();
        return same;
      }),
  };
}

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

async function derive(password: string, salt: Buffer, parameters: Cost, tagLength: number): Promise<Buffer> {
  // Keyboards differ in how they compose a letter.
  const message = Buffer.from(password.normalize('NFC'));
  return deriveKey('argon2id', { message, nonce: salt, tagLength, ...parameters });
}

function encode(salt: Buffer, tag: Buffer): string {
  const { memory, passes, parallelism } = cost;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

function decode(phc: string): Cost & { readonly salt: Buffer; readonly tag: Buffer } {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc);
  if (!parts) throw new Error('a stored password is not an argon2id hash');
  const [, memory, passes, parallelism, salt = '', tag = ''] = parts;
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

type Gate = <T>(work: () => Promise<T>) => Promise<T>;

function createGate(width: number): Gate {
  const waiting: (() => void)[] = [];
  let free = width;
  return async (work) => {
    if (free > 0) free--;
    else if (waiting.length >= MAX_WAITING) throw unavailable('Too many passwords wait to be checked');
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn is handed over, so nobody can slip in between.
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
