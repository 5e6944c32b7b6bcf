import type { ServiceDefinition } from '@collabeditor/kit';
import { createApp } from './app.ts';
import { fields } from './config.ts';

/** The realtime service, for its process and for tests. */
export const definition: ServiceDefinition<typeof fields> = {
  name: 'realtime',
  schema: 'realtime',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};
