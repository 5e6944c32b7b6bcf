import type { Mounted } from '@collabeditor/kit';
import type { Context } from './context.ts';
import { getContent } from './get-content.ts';
import { history } from './history.ts';
import { putContent } from './put-content.ts';
import { putFirst } from './put-first.ts';
import { remove } from './remove.ts';
import { restore } from './restore.ts';
import { versions } from './versions.ts';

/** Routes for the document service, on port 8081. */
export function peerRoutes(context: Context): readonly Mounted[] {
  return [putFirst, getContent, putContent, history, restore, versions, remove].map((route) => route(context));
}
