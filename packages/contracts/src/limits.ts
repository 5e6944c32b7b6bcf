const KiB = 1024;
const MiB = 1024 * KiB;

/** Largest request body in bytes, where the route says nothing else. */
export const MAX_BODY_BYTES = MiB;
/** Largest request body in bytes of the routes that take a whole text. */
export const MAX_TEXT_BODY_BYTES = 17 * MiB;
/** Largest WebSocket frame from a client in bytes. */
export const MAX_FRAME_BYTES = MiB;
/** Largest document in bytes of UTF-8. */
export const MAX_DOCUMENT_BYTES = 16 * MiB;
/** Largest `data` of a presence frame in bytes of UTF-8 JSON. */
export const MAX_PRESENCE_DATA_BYTES = KiB;

export const MAX_TITLE = 300;
export const MAX_NAME = 200;
export const MAX_EMAIL = 254;
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 1024;

export const PAGE_MAX = 100;
export const PAGE_DEFAULT = 50;
/** Most ids in one batch call between services. */
export const BATCH_MAX = 1000;

export const DAYS_IN_TRASH = 30;
export const INVITATION_DAYS = 30;

export const FRAMES_PER_SECOND = 200;
export const FRAME_BURST = 1000;
export const PRESENCE_PER_SECOND = 20;
/** Furthest that a resuming client may be behind the head. */
export const MAX_RESUME_EDITS = 5000;
/** How far back undo reaches at least. */
export const UNDO_DEPTH = 1000;
/** Clocks of two machines may differ by this much. */
export const CLOCK_TOLERANCE_SECONDS = 5;
