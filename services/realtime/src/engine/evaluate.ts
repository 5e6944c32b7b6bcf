import { ChangeSet, type Text } from '@codemirror/state';
import type { FrameErrorCode, Role } from '@collabeditor/contracts';
import { MAX_DOCUMENT_BYTES, MAX_RESUME_EDITS } from '@collabeditor/contracts';
import { decodeChanges, deletion, difference, fingerprint, growth, insertion } from './changes.ts';
import { type Document, type Draft, historyAtTip, rowsToTip } from './document.ts';
import { editKey, type KnownEdit } from './row.ts';
import { invert } from './undo.ts';

/** Something that asks for an edit: a frame of a client, or a call of the document service. */
export type EditRequest =
  | {
      readonly type: 'insert';
      readonly pos: number;
      readonly text: string;
      readonly version: number;
      readonly id: string | null;
    }
  | {
      readonly type: 'delete';
      readonly pos: number;
      readonly len: number;
      readonly version: number;
      readonly id: string | null;
    }
  | { readonly type: 'undo' | 'redo'; readonly id: string | null }
  | {
      readonly type: 'edits';
      readonly version: number;
      readonly edits: readonly { readonly id: string; readonly changes: unknown }[];
    }
  | { readonly type: 'replace'; readonly content: string; readonly version: number }
  | { readonly type: 'restore'; readonly content: string }
  | { readonly type: 'first'; readonly content: string; readonly id: string };

export interface Author {
  readonly userId: string;
  readonly clientId: string;
  readonly role: Role;
}

/** What is known beyond the document itself. */
export interface Facts {
  /** The request's ids were looked up in PostgreSQL: those that are not in `document.ids` are new. */
  readonly idsRead: boolean;
  /** The head was read after the request came: a version ahead of it does not exist. */
  readonly headRead: boolean;
  /** The request had been accepted on top of edits that were then not committed as they stood. */
  readonly moved: boolean;
}

export type Verdict =
  | { readonly type: 'accept'; readonly drafts: readonly Draft[] }
  | { readonly type: 'duplicate'; readonly edits: readonly KnownEdit[] }
  | { readonly type: 'refused'; readonly code: FrameErrorCode; readonly message: string; readonly id: string | null }
  /** The request's version is not the current one. */
  | { readonly type: 'stale' }
  /** The text is already what the request asks for. */
  | { readonly type: 'unchanged' }
  /** The answer depends on whether waiting edits get committed, or on something that has to be read first. */
  | { readonly type: 'wait'; readonly for: 'commit' | 'ids' | 'head' | 'history' }
  | { readonly type: 'wait'; readonly for: 'rows'; readonly from: number };

/**
 * What becomes of a request: of several refusals the first counts, in the order duplicate, role, version, operation.
 * A request whose ids have not been looked up is refused only after they have: it may be a duplicate.
 */
export function evaluate(document: Document, author: Author, request: EditRequest, facts: Facts): Verdict {
  const known = duplicate(document, author, request, facts);
  if (known) return known;
  const verdict =
    author.role === 'viewer'
      ? refuse('read_only', 'a viewer may not edit', request)
      : judge(document, author, request, facts);
  const isNo =
    verdict.type === 'refused' || verdict.type === 'stale' || (verdict.type === 'wait' && verdict.for !== 'history');
  return isNo && !facts.idsRead && editIds(request).length > 0 ? { type: 'wait', for: 'ids' } : verdict;
}

/** Ids of a request's edits; none for an edit that can't be recognised when it is sent again. */
export function editIds(request: EditRequest): readonly string[] {
  if (request.type === 'edits') return request.edits.map(({ id }) => id);
  return 'id' in request && request.id !== null ? [request.id] : [];
}

function judge(document: Document, author: Author, request: EditRequest, facts: Facts): Verdict {
  switch (request.type) {
    case 'insert':
    case 'delete':
      return judgePlain(document, request, facts);
    case 'undo':
    case 'redo':
      return judgeUndo(document, author, request);
    case 'edits':
      return judgeTransformed(document, request, facts);
    case 'first':
      return document.tip.version > 0 ? { type: 'stale' } : replacement(document, request.content, 'first', request.id);
    case 'replace':
      return judgeVersion(document, request.version, facts) ?? replacement(document, request.content, 'edit', null);
    case 'restore': {
      const verdict = replacement(document, request.content, 'edit', null);
      // A restore always makes a version, even of the text that is there.
      return verdict.type === 'unchanged'
        ? accept(document, ChangeSet.empty(document.tip.text.length), { kind: 'edit' }, request)
        : verdict;
    }
  }
}

type PlainRequest = Extract<EditRequest, { type: 'insert' | 'delete' }>;

function judgePlain(document: Document, request: PlainRequest, facts: Facts): Verdict {
  const version = judgeVersion(document, request.version, facts);
  if (version) return version;
  const { text } = document.tip;
  const changes =
    request.type === 'insert' ? insertion(text, request.pos, request.text) : deletion(text, request.pos, request.len);
  if (!changes) return refuse('invalid_operation', 'the edit does not fit the text', request);
  return accept(
    document,
    changes,
    { kind: 'edit', base: request.version, payload: payloadOf(request), editId: request.id },
    request,
  );
}

/** Null where the version is the one that the edits on the way give. */
function judgeVersion(document: Document, version: number, facts: Facts): Verdict | null {
  if (facts.moved || version < document.version) return { type: 'stale' };
  if (version === document.tip.version) return null;
  if (version > document.tip.version) return facts.headRead ? { type: 'stale' } : { type: 'wait', for: 'head' };
  return { type: 'wait', for: 'commit' };
}

function judgeUndo(
  document: Document,
  author: Author,
  request: Extract<EditRequest, { type: 'undo' | 'redo' }>,
): Verdict {
  const history = historyAtTip(document, author.userId);
  if (!history) return { type: 'wait', for: 'history' };
  const inversion = invert(history[request.type], rowsToTip(document));
  switch (inversion.type) {
    case 'needs_rows':
      return { type: 'wait', for: 'rows', from: inversion.from };
    case 'nothing':
      return refuse(
        request.type === 'undo' ? 'nothing_to_undo' : 'nothing_to_redo',
        `there is nothing to ${request.type}`,
        request,
      );
    case 'change': {
      const { changes, target } = inversion;
      return accept(
        document,
        changes,
        { kind: request.type, target, payload: payloadOf(request), editId: request.id },
        request,
      );
    }
  }
}

/**
 * Edits of `collab.v1` are made against an older text: they are mapped over each row since, and each row over them in turn,
 * so that the next edit of the frame meets the rows as they look after the one before.
 */
function judgeTransformed(document: Document, request: Extract<EditRequest, { type: 'edits' }>, facts: Facts): Verdict {
  if (request.version > document.tip.version) return facts.headRead ? { type: 'stale' } : { type: 'wait', for: 'head' };
  if (document.tip.version - request.version > MAX_RESUME_EDITS) return { type: 'stale' };
  const repeated = request.edits.find(({ id }, index) => request.edits.findIndex((edit) => edit.id === id) < index);
  if (repeated)
    return { type: 'refused', code: 'id_reused', message: 'the id stands twice in the frame', id: repeated.id };
  const rows = rowsToTip(document)(request.version + 1);
  if (!rows) return { type: 'wait', for: 'rows', from: request.version + 1 };
  let text = textAt(document, rows);
  let over = rows.map(({ changes }) => changes);
  let bytes = document.tip.bytes;
  let tip = document.tip.text;
  const drafts: Draft[] = [];
  for (const edit of request.edits) {
    const decoded = decodeChanges(edit.changes, text);
    if (!decoded)
      return { type: 'refused', code: 'invalid_operation', message: 'the changes do not fit the text', id: edit.id };
    text = decoded.apply(text);
    let changes = decoded;
    over = over.map((row) => {
      const next = row.map(changes, true);
      changes = changes.map(row);
      return next;
    });
    bytes += growth(changes, tip);
    if (bytes > MAX_DOCUMENT_BYTES) return { ...tooLarge, id: edit.id };
    tip = changes.apply(tip);
    const payload = fingerprint(edit.changes);
    drafts.push({ kind: 'edit', target: null, changes, editId: edit.id, base: request.version, payload });
  }
  return { type: 'accept', drafts };
}

/** The text before `rows`, which end at the tip. */
function textAt(document: Document, rows: readonly { readonly inverse: ChangeSet }[]): Text {
  return rows.reduceRight((text, { inverse }) => inverse.apply(text), document.tip.text);
}

function replacement(document: Document, content: string, kind: 'first' | 'edit', editId: string | null): Verdict {
  const changes = difference(document.tip.text, content);
  if (!changes) return { type: 'unchanged' };
  return accept(document, changes, { kind, editId, payload: fingerprint(content) }, null);
}

const tooLarge = {
  type: 'refused',
  code: 'document_too_large',
  message: 'the document would be larger than 16 MiB',
} as const;

function accept(
  document: Document,
  changes: ChangeSet,
  draft: Pick<Draft, 'kind'> & Partial<Draft>,
  request: EditRequest | null,
): Verdict {
  if (document.tip.bytes + growth(changes, document.tip.text) > MAX_DOCUMENT_BYTES) {
    return { ...tooLarge, id: request ? (editIds(request)[0] ?? null) : null };
  }
  return { type: 'accept', drafts: [{ target: null, editId: null, base: null, payload: '', ...draft, changes }] };
}

function refuse(code: FrameErrorCode, message: string, request: EditRequest): Verdict {
  return { type: 'refused', code, message, id: editIds(request)[0] ?? null };
}

function duplicate(document: Document, author: Author, request: EditRequest, facts: Facts): Verdict | null {
  const ids = editIds(request);
  const keys = ids.map((editId) => editKey({ ...author, editId }));
  const isForeign = keys.some((key) => document.foreignIds.has(key) && !document.ids.has(key));
  if (isForeign && !facts.idsRead) return { type: 'wait', for: 'ids' };
  const known = keys.flatMap((key) => document.ids.get(key) ?? []);
  const [first] = known;
  if (!first) return null;
  const base = 'version' in request ? request.version : null;
  const differs = known.find((edit) => edit.base === base && edit.payload !== payloadOf(request, edit.editId));
  if (differs)
    return { type: 'refused', code: 'id_reused', message: 'the id belongs to another edit', id: differs.editId };
  // The rest of a frame may be known to PostgreSQL though not here.
  if (known.length < ids.length && !facts.idsRead) return { type: 'wait', for: 'ids' };
  if (known.length < ids.length)
    return { type: 'refused', code: 'id_reused', message: 'some edits of the frame are known', id: first.editId };
  return known.some(({ version }) => version > document.version)
    ? { type: 'wait', for: 'commit' }
    : { type: 'duplicate', edits: known };
}

function payloadOf(request: EditRequest, editId: string | null = null): string {
  switch (request.type) {
    case 'insert':
      return fingerprint([request.type, request.pos, request.text]);
    case 'delete':
      return fingerprint([request.type, request.pos, request.len]);
    case 'undo':
    case 'redo':
      return fingerprint([request.type]);
    case 'edits':
      return fingerprint(request.edits.find(({ id }) => id === editId)?.changes);
    case 'first':
    case 'replace':
    case 'restore':
      return fingerprint(request.content);
  }
}
