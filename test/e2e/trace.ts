/** Edits of two authors: a real editing history where it is at hand, else one generated from a fixed seed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Edit } from './model.ts';

export interface Trace {
  /** Where it is from, for the result's line. */
  readonly source: string;
  readonly byAuthor: readonly (readonly Edit[])[];
}

const real = join(import.meta.dirname, '../../../shared/traces/friendsforever.json.gz');

export function twoAuthors(edits: number): Trace {
  return existsSync(real) ? readTrace(real, edits) : generateTrace(edits);
}

interface TraceFile {
  readonly txns: readonly {
    readonly agent: number;
    readonly patches: readonly (readonly [number, number, string])[];
  }[];
}

/** The first `edits` edits, each author's in the author's own order; a replacement is a deletion and an insertion. */
function readTrace(file: string, edits: number): Trace {
  const { txns } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as TraceFile;
  const byAuthor: Edit[][] = [[], []];
  let count = 0;
  for (const { agent, patches } of txns) {
    for (const [pos, len, text] of patches) {
      if (count >= edits) return { source: 'friendsforever (josephg/editing-traces, CC BY 4.0)', byAuthor };
      if (len > 0) byAuthor[agent]?.push({ type: 'delete', pos, len });
      if (text !== '') byAuthor[agent]?.push({ type: 'insert', pos, text });
      count += (len > 0 ? 1 : 0) + (text === '' ? 0 : 1);
    }
  }
  return { source: 'friendsforever, whole (josephg/editing-traces, CC BY 4.0)', byAuthor };
}

/** Two people who type words, sometimes jump, sometimes take back a few characters. */
function generateTrace(edits: number): Trace {
  const random = generator(20261123);
  const words =
    'the quick brown fox jumps over a lazy dog while zwölf Boxkämpfer jagen 👩‍🚀 quer über den Sylter Deich'.split(' ');
  const byAuthor = [0, 1].map(() => {
    const list: Edit[] = [];
    let caret = 0;
    while (list.length < edits / 2) {
      const dice = random();
      if (dice < 0.05) caret = Math.floor(random() * (caret + 50));
      else if (dice < 0.15 && caret > 4) {
        caret -= 3;
        list.push({ type: 'delete', pos: caret, len: 3 });
      } else {
        const text = `${words[Math.floor(random() * words.length)] ?? ''} `;
        list.push({ type: 'insert', pos: caret, text });
        caret += text.length;
      }
    }
    return list;
  });
  return { source: 'generated (seed 20261123)', byAuthor };
}

/** mulberry32: small, and its period is the whole 32-bit space. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** An author's edit made to fit the text as it is now: others have changed it since the trace was recorded. */
export function fit(edit: Edit, text: string): Edit | undefined {
  const pos = outsidePair(text, Math.min(edit.pos, text.length));
  if (edit.type === 'insert') return { ...edit, pos };
  const end = outsidePair(text, Math.min(pos + edit.len, text.length));
  return end > pos ? { type: 'delete', pos, len: end - pos } : undefined;
}

function outsidePair(text: string, pos: number): number {
  const low = text.charCodeAt(pos);
  return low >= 0xdc00 && low <= 0xdfff ? pos + 1 : pos;
}
