import { importJWK, SignJWT } from 'jose';
import type { UserRow } from './store/users.ts';
import type { SigningKey } from './signing-keys.ts';

export interface AccessTokenOptions {
  readonly issuer: string;
  readonly ttlMs: number;
  readonly now: Date;
}

/** The token that every service verifies by the published keys. */
export async function signAccessToken(key: SigningKey, user: UserRow, options: AccessTokenOptions): Promise<string> {
  const issuedAt = Math.floor(options.now.getTime() / 1000);
  return new SignJWT({ name: user.name, email: user.email })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
    .setSubject(user.id)
    .setIssuer(options.issuer)
    .setAudience('collab')
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.max(1, Math.round(options.ttlMs / 1000)))
    .sign(await importJWK(key.jwk, 'EdDSA'));
}
