import type { Outcome } from '../engine/hub-state.ts';
import type { NewsWire, Store } from '../ports.ts';
import type { Shell } from '../shell.ts';
import { type Caller, Problem, unavailable, unauthenticated } from '@collabeditor/kit';
import type { Author } from '../engine/evaluate.ts';

/** What the routes need. */
export interface Context {
  readonly shell: Shell;
  readonly store: Store;
  readonly news: NewsWire;
}

/** Client id of edits that come over REST. */
const REST_CLIENT = 'rest';

/** The user behind a call. The calling service has decided that he may edit. */
export function authorOf(caller: Caller | null): Author {
  if (!caller) throw unauthenticated('The token of the user is needed');
  return { userId: caller.userId, clientId: REST_CLIENT, role: 'editor' };
}

/** Turns an outcome that is no success into a problem. */
export function versionOf(outcome: Outcome): { readonly version: number; readonly duplicate: boolean } {
  switch (outcome.type) {
    case 'done':
      return outcome;
    case 'stale':
      throw new Problem('precondition_failed', `The version is ${outcome.version}`);
    case 'refused':
      throw refusal(outcome);
  }
}

function refusal({ code, message }: Extract<Outcome, { type: 'refused' }>): Problem {
  switch (code) {
    case 'document_too_large':
      return new Problem('payload_too_large', 'A document has at most 16 MiB');
    case 'id_reused':
      return new Problem('precondition_failed', 'The document has another first content');
    case 'unavailable':
      return unavailable('The edit could not be stored for the moment');
    default:
      return new Problem('invalid_request', message);
  }
}
