/** Why a text can't be (part of) a document, or null. Documents have LF line ends, no U+0000 and only whole characters. */
export function textProblem(text: string): string | null {
  if (text.includes('\r')) return 'must not contain a carriage return';
  if (text.includes('\u0000')) return 'must not contain U+0000';
  if (!text.isWellFormed()) return 'must not contain a lone surrogate';
  return null;
}

/** Length of a well-formed text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair counts two of the pair's four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** An address as it is kept and shown. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFC');
}

/** What two spellings of one address have in common: addresses are equal if and only if their keys are. */
export function emailKey(email: string): string {
  return normalizeEmail(email).toLowerCase().normalize('NFC');
}
