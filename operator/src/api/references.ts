import { serviceNames, storeNames } from './types.ts';
import type { ResolvedSpec } from './types.ts';

/** A Secret of the user that the environment reads. */
export interface SecretReference {
  name: string;
  /** Field of the spec that names it. */
  field: string;
  /** Keys that must be there. */
  keys: string[];
}

/** The Secrets that the spec names: they are watched, and a missing one is a problem. */
export function referencedSecrets(spec: ResolvedSpec): SecretReference[] {
  const references: SecretReference[] = [];
  for (const store of storeNames) {
    const external = spec[store].external;
    if (external !== undefined) {
      references.push({ name: external.secretName, field: `spec.${store}.external.secretName`, keys: ['uri'] });
    }
  }
  const smtp = spec.services.notification.smtp;
  if (smtp !== undefined) {
    references.push({ name: smtp.secretName, field: 'spec.services.notification.smtp.secretName', keys: [] });
  }
  const tls = spec.exposure.type === 'Ingress' ? spec.exposure.ingress.tlsSecretName : undefined;
  if (tls !== undefined) {
    references.push({ name: tls, field: 'spec.exposure.ingress.tlsSecretName', keys: ['tls.crt', 'tls.key'] });
  }
  for (const service of serviceNames) {
    for (const [index, { valueFrom }] of spec.services[service].env.entries()) {
      const key = valueFrom?.secretKeyRef;
      if (key !== undefined) {
        references.push({ name: key.name, field: `spec.services.${service}.env[${index}]`, keys: [key.key] });
      }
    }
  }
  for (const [index, { name }] of spec.images.pullSecrets.entries()) {
    references.push({ name, field: `spec.images.pullSecrets[${index}]`, keys: [] });
  }
  return references;
}
