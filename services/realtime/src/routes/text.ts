import { MAX_DOCUMENT_BYTES, textProblem, utf8Length } from '@collabeditor/contracts';
import { Problem } from '@collabeditor/kit';

/** Refuses what can't be a document's text. */
export function checkText(content: string): void {
  const message = textProblem(content);
  if (message !== null)
    throw new Problem('invalid_request', `/content ${message}`, { errors: [{ path: '/content', message }] });
  if (utf8Length(content) > MAX_DOCUMENT_BYTES) throw new Problem('payload_too_large', 'A document has at most 16 MiB');
}
