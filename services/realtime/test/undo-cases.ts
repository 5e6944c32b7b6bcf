/** Undo cases that the whole stack has to agree on; the end-to-end scenario plays the same file. */
import { readFileSync } from 'node:fs';

export interface UndoStep {
  readonly by: 'A' | 'B';
  readonly do: 'insert' | 'delete' | 'undo' | 'redo' | 'reconnect';
  readonly pos?: number;
  readonly text?: string;
  readonly len?: number;
  /** The edit names an old version: it is answered with out_of_sync and leaves no trace. */
  readonly stale?: true;
  /** Code of the error that answers the step. */
  readonly refused?: string;
}

export interface UndoCase {
  readonly name: string;
  readonly initial: string;
  readonly steps: readonly UndoStep[];
  readonly expected: string;
}

export const undoCases = JSON.parse(
  readFileSync(new URL('../../../test/undo.cases.json', import.meta.url), 'utf8'),
) as readonly UndoCase[];
