import type { TSchema } from 'typebox';
import { eventSchema, eventTypes } from './events.ts';
import { plainClientFrames, plainServerFrames, SUBPROTOCOL, v1ClientFrames, v1ServerFrames } from './frames.ts';
import { EXCHANGE } from './topology.ts';

type Json = Readonly<Record<string, unknown>>;
type Frames = Readonly<Record<string, TSchema>>;

/** The AsyncAPI 3.0 document of the WebSocket dialects and of the events, generated from the schemas that decode them. */
export function asyncApi(version: string): Json {
  const dialects = [
    dialect(
      'plain',
      `Optimistic concurrency; subprotocol \`${SUBPROTOCOL.plain}\` or none`,
      plainClientFrames,
      plainServerFrames,
    ),
    dialect('v1', `Operational transformation; subprotocol \`${SUBPROTOCOL.v1}\``, v1ClientFrames, v1ServerFrames),
  ];
  const events = eventTypes.map((type) => [type, message(type, eventSchema(type))] as const);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'CollabEditor',
      version,
      description:
        'Realtime editing over WebSocket, and the events of the platform (CloudEvents 1.0 in structured JSON).',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: {
      ...Object.fromEntries(dialects.map(({ name, channel }) => [name, channel])),
      events: {
        address: EXCHANGE,
        description: 'Topic exchange; the routing key is the event type.',
        messages: Object.fromEntries(events),
      },
    },
    operations: {
      ...Object.assign({}, ...dialects.map(({ operations }) => operations)),
      publishEvent: { action: 'send', channel: { $ref: '#/channels/events' } },
    },
  };
}

function dialect(
  name: string,
  description: string,
  client: Frames,
  server: Frames,
): { name: string; channel: Json; operations: Json } {
  const messages = (side: string, frames: Frames): Json =>
    Object.fromEntries(Object.entries(frames).map(([type, schema]) => [`${side}_${type}`, message(type, schema)]));
  const refs = (side: string, frames: Frames): Json[] =>
    Object.keys(frames).map((type) => ({ $ref: `#/channels/${name}/messages/${side}_${type}` }));
  return {
    name,
    channel: {
      address: '/ws/doc/{documentId}',
      description,
      parameters: { documentId: { description: 'UUID of the document' } },
      messages: { ...messages('client', client), ...messages('server', server) },
    },
    operations: {
      [`${name}_receive`]: {
        action: 'receive',
        channel: { $ref: `#/channels/${name}` },
        messages: refs('client', client),
      },
      [`${name}_send`]: { action: 'send', channel: { $ref: `#/channels/${name}` }, messages: refs('server', server) },
    },
  };
}

function message(name: string, payload: TSchema): Json {
  return { name, payload };
}
