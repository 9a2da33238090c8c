import type { Database } from './database.js';
import { decodeTopic } from './records.js';

/** More topics at a time than an app has use for; the oldest are forgotten. */
export const maxTopics: number = 1000;

interface Known {
  readonly key: string;
  readonly timestamp: number;
}

/** Which of one channel's topics may be forgotten: those before `since`, in seconds since 1970, and the oldest of too many. */
export function oldTopics(topics: readonly Known[], since: number): string[] {
  const latestFirst = [...topics].sort((a, b) => b.timestamp - a.timestamp);
  return latestFirst.filter(({ timestamp }, index) => index >= maxTopics || timestamp < since).map(({ key }) => key);
}

/** Forgets the topics, of all channels, that may be forgotten. */
export async function deleteOldTopics(database: Database, since: number): Promise<void> {
  let channel: string | undefined;
  let topics: Known[] = [];

  async function forget(): Promise<void> {
    const old = oldTopics(topics, since);
    topics = [];
    if (old.length > 0) await database.write(old.map((key) => ({ type: 'del', key })));
  }

  for await (const page of database.pages('topic/')) {
    for (const [key, value] of page) {
      const [, ofChannel, topic = ''] = key.split('/');
      if (ofChannel !== channel) await forget();
      channel = ofChannel;
      topics.push({ key, timestamp: decodeTopic(topic, value)?.timestamp ?? 0 });
    }
  }
  await forget();
}
