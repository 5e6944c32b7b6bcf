import { type Logger, type Redis } from '@collabeditor/kit';
import type { News, NewsWire } from './ports.ts';

const PREFIX = 'realtime:document:';

/** News between replicas over Redis, one channel a document. Whatever goes wrong is left to the poll of the heads. */
export function createNewsWire(
  publisher: Redis,
  subscriber: Redis,
  hear: (documentId: string, news: News) => void,
  log: Logger,
): NewsWire {
  const ignore = (error: unknown): void =>
    log.debug({ event: 'news_lost', err: error }, 'News for other replicas were lost');
  subscriber.on('message', (channel: string, message: string) => {
    const news = parseNews(message);
    if (news && channel.startsWith(PREFIX)) hear(channel.slice(PREFIX.length), news);
  });
  return {
    connected: () => publisher.status === 'ready' && subscriber.status === 'ready',
    follow: (documentId) => void subscriber.subscribe(PREFIX + documentId).catch(ignore),
    unfollow: (documentId) => void subscriber.unsubscribe(PREFIX + documentId).catch(ignore),
    publish: (documentId, news) => void publisher.publish(PREFIX + documentId, JSON.stringify(news)).catch(ignore),
    async [Symbol.asyncDispose]() {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

const types: ReadonlySet<unknown> = new Set(['head', 'peers', 'presence', 'hello', 'removed'] satisfies News['type'][]);

/** Only replicas of this release's format publish on these channels (Redis ACL), so the envelope is what is checked. */
function parseNews(message: string): News | null {
  try {
    const value: unknown = JSON.parse(message);
    return typeof value === 'object' && value !== null && 'type' in value && types.has(value.type)
      ? (value as News)
      : null;
  } catch {
    return null;
  }
}
