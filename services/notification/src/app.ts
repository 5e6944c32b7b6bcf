import { QUEUES } from '@collabeditor/contracts';
import {
  type App,
  type BaseConfig,
  type ConfigOf,
  createBroker,
  createPool,
  measureStores,
  type Runtime,
  type ServiceDefinition,
  transaction,
} from '@collabeditor/kit';
import { Counter, type Registry } from 'prom-client';
import { fields, senderAddress, smtpSettings } from './config.ts';
import { ATTEMPTS_HEADER, deliver, deliverUnknown, type DeliveryPorts, type Result, results } from './deliver.ts';
import { createMailer, type Mailer } from './smtp.ts';

/** How many mails are under way at once. Each holds a database session while the mail server thinks. */
const PREFETCH = 8;

export const definition: ServiceDefinition<typeof fields> = {
  name: 'notification',
  schema: 'notifications',
  migrations: new URL('../migrations/', import.meta.url),
  fields,
  create: createApp,
};

async function createApp(config: BaseConfig & ConfigOf<typeof fields>, { log, metrics }: Runtime): Promise<App> {
  const smtp = smtpSettings(config);
  const mailer = smtp && observed(createMailer(smtp));
  if (!mailer)
    log.warn(
      { event: 'smtp_missing' },
      'Mails are written to the log, without their tokens, since no SMTP server is named',
    );
  const database = { schema: definition.schema, ca: config.DATABASE_CA_FILE?.content };
  const pool = createPool(config.DATABASE_URL, { ...database, log, max: PREFETCH + 2 });
  const broker = createBroker({ url: config.AMQP_URL, log, ca: config.AMQP_CA_FILE?.content, name: definition.name });
  const stores = measureStores({
    metrics,
    log,
    database: { ...database, url: config.DATABASE_URL },
    pools: [pool],
    broker,
    ...(mailer ? { others: { smtp: mailer.isUp } } : {}),
  });
  const ports: DeliveryPorts = {
    mailer,
    publicUrl: config.PUBLIC_URL,
    messageDomain: senderAddress(config.SMTP_FROM).split('@').at(-1) ?? 'localhost',
    log,
    transaction: (work) => transaction(pool, work),
    publish: (queue, message, options) => broker.publishConfirmed('', queue, message, options),
    count: counter(metrics),
  };
  broker.consume(
    { queue: QUEUES.notifications, prefetch: PREFETCH, otherwise: ({ content }) => deliverUnknown(ports, content) },
    (event, { content, properties }) =>
      deliver(ports, event, { content, attempts: attemptsBefore(properties.headers) }),
  );
  return {
    ready: () => true,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]();
      mailer?.close();
      await Promise.all([pool.end(), stores[Symbol.asyncDispose]()]);
    },
  };
}

/** Remembers whether the server took part in the last attempt; a refused recipient is no fault of it. */
function observed(mailer: Mailer): Mailer & { readonly isUp: () => boolean } {
  let isUp = true;
  return {
    ...mailer,
    isUp: () => isUp,
    async send(mail, messageId) {
      const handover = await mailer.send(mail, messageId);
      isUp = handover.kind !== 'failed';
      return handover;
    },
  };
}

function counter(metrics: Registry): (result: Result) => void {
  const notifications = new Counter({
    name: 'collab_notifications_total',
    help: 'Messages of the queue of notifications by how they ended',
    labelNames: ['result'],
    registers: [metrics],
  });
  for (const result of results) notifications.inc({ result }, 0);
  return (result) => notifications.inc({ result });
}

function attemptsBefore(headers: Readonly<Record<string, unknown>> | undefined): number {
  const attempts = headers?.[ATTEMPTS_HEADER];
  return typeof attempts === 'number' && Number.isInteger(attempts) && attempts > 0 ? attempts : 0;
}
