import { emailKey, normalizeEmail, userRoutes } from '@collabeditor/contracts';
import { type Caller, handle, type Mounted, Problem, reply, unauthenticated } from '@collabeditor/kit';
import type { Context } from '../context.ts';
import { requirePassword } from '../credentials.ts';
import { mailLink, proveAddress, tellVerified } from '../proofs.ts';
import { secretHash } from '../secrets.ts';
import { beginSession } from '../sessions.ts';
import { holderOf, isInvited } from '../store/tokens.ts';
import {
  deleteUser,
  insertUser,
  lockAddress,
  type NewUser,
  renameUser,
  toUser,
  userByEmailKey,
  userById,
  type UserRow,
} from '../store/users.ts';

export function accountHandlers(context: Context): readonly Mounted[] {
  return [
    handle(userRoutes.register, async ({ body, headers }) => {
      const idempotencyKey = headers['idempotency-key'];
      const registration = { ...body, key: typeof idempotencyKey === 'string' ? secretHash(idempotencyKey) : null };
      const known = await userByEmailKey(context.db, emailKey(body.email));
      const session =
        (known ? null : await register(context, registration)) ?? (await registerAgain(context, registration));
      return reply(201, session);
    }),

    handle(userRoutes.verify, async ({ body }) => {
      const user = await context.transaction(async (tx) => {
        // The link may be opened twice, by a mail scanner first; it proves the same each time.
        const userId = await holderOf(tx, secretHash(body.token), 'verify_address', context.now());
        if (userId === null) throw new Problem('invalid_token');
        await proveAddress(context, tx, userId);
        return userById(tx, userId);
      });
      if (!user) throw new Problem('invalid_token');
      return reply(200, { user: toUser(user) });
    }),

    handle(userRoutes.me, async ({ caller }) => reply(200, toUser(present(await userById(context.db, caller.userId))))),

    handle(userRoutes.patchMe, async ({ caller, body }) =>
      reply(200, toUser(present(await renameUser(context.db, caller.userId, body.name.trim())))),
    ),

    handle(userRoutes.deleteMe, async ({ caller, body, ip }) => {
      const user = await callerRow(context, caller);
      await requirePassword(context, user, body.password, { emailKey: user.email_key, ip });
      await context.transaction(async (tx) => {
        if (await deleteUser(tx, user.id)) await context.announce(tx, 'user.deleted', user.id, { userId: user.id });
      });
      return reply(204);
    }),
  ];
}

interface Registration {
  readonly email: string;
  readonly password: string;
  readonly name?: string;
  readonly invitationToken?: string;
  readonly key: Buffer | null;
}

/** Null where somebody else has just taken the address. */
async function register(context: Context, registration: Registration) {
  const password = await context.passwords.hash(registration.password);
  return context.transaction(async (tx) => {
    await lockAddress(tx, emailKey(registration.email));
    const proof = await proofOf(context, tx, registration);
    const user = await insertUser(tx, newUser(context, registration, { password, ...proof }));
    if (!user) return null;
    const { id, email, name, verified } = user;
    await context.announce(tx, 'user.registered', id, { userId: id, email, name, verified });
    if (verified) await tellVerified(context, tx, user);
    else await mailLink(context, tx, user, 'verify_address');
    return { user: toUser(user), ...(await beginSession(context, tx, user)) };
  });
}

/** The same request sent again by a client that missed the answer: a new session for the account that it made. */
async function registerAgain(context: Context, { email, key, password }: Registration) {
  const user = await userByEmailKey(context.db, emailKey(email));
  const same = key !== null && user?.registration_key?.equals(key) === true;
  if (!same || !(await context.passwords.matches(password, user.password))) throw new Problem('email_taken');
  return context.transaction(async (tx) => ({ user: toUser(user), ...(await beginSession(context, tx, user)) }));
}

/** An invitation's mail may be read before its event has reached us; then its token is kept as a claim. */
async function proofOf(
  context: Context,
  tx: Parameters<typeof insertUser>[0],
  { email, invitationToken }: Registration,
) {
  if (context.config.ADDRESS_VERIFICATION === 'none') return { verified: true, claimedInvitation: null };
  if (invitationToken === undefined) return { verified: false, claimedInvitation: null };
  const hash = secretHash(invitationToken);
  const verified = await isInvited(tx, hash, emailKey(email), context.now());
  return { verified, claimedInvitation: verified ? null : hash };
}

function newUser(
  context: Context,
  { email, name, key }: Registration,
  rest: Pick<NewUser, 'password' | 'verified' | 'claimedInvitation'>,
): NewUser {
  const address = normalizeEmail(email);
  return {
    id: context.newId(),
    email: address,
    emailKey: emailKey(address),
    name: name?.trim() ?? address.slice(0, address.indexOf('@')),
    registrationKey: key,
    createdAt: context.now(),
    ...rest,
  };
}

/** The caller's row. A token outlives its user by minutes; it then names nobody. */
export async function callerRow(context: Context, caller: Caller): Promise<UserRow> {
  return present(await userById(context.db, caller.userId));
}

function present(user: UserRow | null): UserRow {
  if (!user) throw unauthenticated('The account was deleted');
  return user;
}
