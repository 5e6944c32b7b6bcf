import {
  type FrameErrorCode,
  MAX_PRESENCE_DATA_BYTES,
  plainClientFrames,
  type V1ClientFrame,
  v1ClientFrames,
  type PlainClientFrame,
} from '@collabeditor/contracts';
import { Compile, type Validator } from 'typebox/compile';
import type { EditRequest } from './engine/evaluate.ts';
import type { Dialect } from './engine/frames.ts';
import type { PresenceUpdate } from './engine/hub-state.ts';

/** A frame of a client, as the rest of the service sees it. */
export type Decoded =
  | { readonly type: 'request'; readonly request: EditRequest | PresenceUpdate }
  | { readonly type: 'auth'; readonly token: string }
  | { readonly type: 'refused'; readonly code: FrameErrorCode; readonly message: string; readonly id: string | null };

type ClientFrame = PlainClientFrame | V1ClientFrame;

const validators: Readonly<Record<Dialect, ReadonlyMap<string, Validator>>> = {
  plain: new Map(Object.entries(plainClientFrames).map(([type, schema]) => [type, Compile(schema)])),
  v1: new Map(Object.entries(v1ClientFrames).map(([type, schema]) => [type, Compile(schema)])),
};

/** Reads a text frame; whatever is wrong with it becomes an answer. */
export function decode(dialect: Dialect, text: string): Decoded {
  const value = parse(text);
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') {
    return refuse('invalid_frame', 'a frame is a JSON object with a type', null);
  }
  const id = 'id' in value && typeof value.id === 'string' && value.id.length <= 64 ? value.id : null;
  const validator = validators[dialect].get(value.type);
  if (!validator) return refuse('unknown_type', 'this dialect has no such frame', id);
  if (!isFrame(validator, value)) return refuse('invalid_frame', 'a field is missing or has the wrong form', id);
  return decodeFrame(value);
}

function decodeFrame(frame: ClientFrame): Decoded {
  switch (frame.type) {
    case 'insert':
    case 'delete':
    case 'undo':
    case 'redo':
      return { type: 'request', request: { ...frame, id: frame.id ?? null } };
    case 'edits':
      return { type: 'request', request: frame };
    case 'auth':
      return { type: 'auth', token: frame.token };
    case 'presence': {
      const { version, selection, data } = frame;
      if (data !== undefined && Buffer.byteLength(JSON.stringify(data)) > MAX_PRESENCE_DATA_BYTES) {
        return refuse('too_large', 'data has more than 1 KiB', null);
      }
      return { type: 'request', request: { type: 'presence', version, selection, data } };
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isFrame(validator: Validator, value: unknown): value is ClientFrame {
  return validator.Check(value);
}

function refuse(code: FrameErrorCode, message: string, id: string | null): Decoded {
  return { type: 'refused', code, message, id };
}
