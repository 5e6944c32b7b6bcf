import type { Pool } from '@collabeditor/kit';
import type { Store } from './ports.ts';
import { commit } from './store/commit.ts';
import {
  appliedIds,
  contentAt,
  heads,
  history,
  historyOf,
  knownIds,
  olderRows,
  open,
  rowsAfter,
} from './store/read.ts';
import { announce, durability, removeDocument, saveSnapshot, unannounced } from './store/write.ts';

/** PostgreSQL as the rest of the service sees it. Commits have connections of their own, so that no read holds one up. */
export function createStore(pool: Pool, commits: Pool): Store {
  return {
    open: (id) => open(pool, id),
    commit: (parts) => commit(commits, parts),
    rowsAfter: (id, after, fence) => rowsAfter(pool, id, after, fence),
    olderRows: (id, from, to) => olderRows(pool, id, from, to),
    historyOf: (id, userId, version) => historyOf(pool, id, userId, version),
    knownIds: (id, of) => knownIds(pool, id, of),
    appliedIds: (id, of) => appliedIds(pool, id, of),
    heads: (ids) => heads(pool, ids),
    contentAt: (id, version) => contentAt(pool, id, version),
    history: (id, before, limit) => history(pool, id, before, limit),
    saveSnapshot: (snapshot) => saveSnapshot(pool, snapshot),
    announce: (ids, intervalMs) => announce(pool, ids, intervalMs),
    unannounced: () => unannounced(pool),
    removeDocument: (id) => removeDocument(pool, id),
    durability: () => durability(pool),
  };
}
