import Type, { type TSchema, type TArray, type TNull, type TObject, type TString, type TUnion } from 'typebox';
import { type ErrorCode, problems, ProblemDocument } from '../errors.ts';
import {
  MAX_EMAIL,
  MAX_NAME,
  MAX_TITLE,
  PAGE_DEFAULT,
  PAGE_MAX,
  PASSWORD_MAX,
  PASSWORD_MIN,
  BATCH_MAX,
} from '../limits.ts';
import type { Answer } from '../route.ts';

/** Printable, well-formed, not blank. */
const line = '^(?=.*\\S)[^\\p{Cc}\\p{Cs}]+$';

export const Id = Type.String({ format: 'uuid' });
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' });
export const Version = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Email = Type.String({
  // Room for the white space around it, which is trimmed.
  maxLength: MAX_EMAIL + 64,
  pattern: '^\\s*[^\\s@\\p{Cc}\\p{Cs}]{1,64}@[^\\s@\\p{Cc}\\p{Cs}]{1,190}\\s*$',
  description: 'Trimmed, NFC, unique whatever its case.',
});
export const Password = Type.String({ minLength: PASSWORD_MIN, maxLength: PASSWORD_MAX, pattern: '^[^\\p{Cs}]*$' });
export const Name = Type.String({ minLength: 1, maxLength: MAX_NAME, pattern: line });
export const Title = Type.String({ minLength: 1, maxLength: MAX_TITLE, pattern: line });
/** A secret that was handed out once: refresh, verification, invitation, reset and link tokens. */
export const OpaqueToken = Type.String({ minLength: 1, maxLength: 4096 });
export const Ids = Type.Array(Id, { maxItems: BATCH_MAX });

export const IdParams = Type.Object({ id: Id });

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT }));
const cursor = Type.Optional(
  Type.String({ minLength: 1, maxLength: 1024, description: '`nextCursor` of the page before' }),
);
export const PageQuery = Type.Object({ limit, cursor });
export const pageFields = { limit, cursor };

/** One page of a list. `nextCursor` is null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** Schema of a {@link Page}. */
export function pageOf<Item extends TSchema>(
  item: Item,
): TObject<{ items: TArray<Item>; nextCursor: TUnion<[TString, TNull]> }> {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) });
}

/** Error answers of a route, grouped by status. */
export function failures(...codes: ErrorCode[]): Record<number, Answer> {
  const answers: Record<number, Answer> = {};
  for (const code of codes) {
    const { status } = problems[code];
    const before = answers[status];
    answers[status] = {
      description: before ? `${before.description}, \`${code}\`` : `\`${code}\``,
      schema: ProblemDocument,
    };
  }
  return answers;
}

/** A success with a body. */
export function answer(description: string, schema?: TSchema, headers?: Record<string, string>): Answer {
  return { description, ...(schema ? { schema } : {}), ...(headers ? { headers } : {}) };
}
