import type { Role } from '@collabeditor/contracts';

/** What a route asks of the caller. Each right includes those before it. */
export type Right = 'read' | 'edit' | 'own';

const granted: Record<Role, readonly Right[]> = {
  viewer: ['read'],
  editor: ['read', 'edit'],
  owner: ['read', 'edit', 'own'],
};

/** The roles table: what each route of one document needs. `removePermission` needs `read`, since everyone may leave; removing others is asked apart. */
export const routeRights = {
  get: 'read',
  getContent: 'read',
  history: 'read',
  permissions: 'read',
  myPermission: 'read',
  removePermission: 'read',
  patch: 'edit',
  putContent: 'edit',
  restore: 'edit',
  remove: 'own',
  undelete: 'own',
  share: 'own',
  invitations: 'own',
  removeInvitation: 'own',
  transfer: 'own',
  createLink: 'own',
  removeLink: 'own',
} as const satisfies Record<string, Right>;

export function allows(role: Role, right: Right): boolean {
  return granted[role].includes(right);
}

/** The role that gives more. Neither a link nor an invitation may take a right away. */
export function higherRole(one: Role, other: Role): Role {
  return granted[one].length >= granted[other].length ? one : other;
}
