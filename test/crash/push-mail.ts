import { composePush } from '../../src/sender/compose-push.js';
import { type DeliveryOptions, readDeliveryOptions } from '../../src/sender/delivery-options.js';
import type { PushOptions } from '../../src/sender/index.js';
import { generateKey } from '../../src/sender/index.js';
import { readTarget } from '../../src/sender/read-target.js';
import { createRecipients } from '../../src/sender/recipients.js';
import { readSenderKey, type SenderKey } from '../../src/sender/sender-key.js';

/** What a push mail is to be like, apart from the usual. */
export interface PushMailOptions extends PushOptions {
  /** Whether it carries the key of its sender. Default true. */
  readonly handshake?: boolean;
  /** How old it is. Default 0. */
  readonly ageMs?: number;
}

/** An app server that writes its push mails and leaves it to the test how they get into the mailbox. */
export interface PushWriter {
  write(endpoint: string, payload: string, options?: PushMailOptions): Promise<Uint8Array>;
}

/** Makes an app server with a key of its own. */
export async function createPushWriter(from: string): Promise<PushWriter> {
  const senderKey: SenderKey = await readSenderKey(await generateKey({ address: from, now: Date.now() }), from);
  const channelKeyOf = createRecipients();
  let written = 0;
  return {
    write: async (target, payload, { handshake = true, ageMs = 0, ...push } = {}) => {
      const { endpoint } = readTarget(target);
      const options: DeliveryOptions = readDeliveryOptions(push);
      written += 1;
      const id = `${payload.replaceAll(' ', '-')}-${written}`;
      return await composePush({
        from,
        endpoint,
        channelKey: await channelKeyOf(endpoint),
        senderKey,
        id,
        messageId: `<${id}@${from.split('@')[1]}>`,
        now: Date.now() - ageMs,
        options,
        payload: { mediaType: 'application/octet-stream', bytes: new TextEncoder().encode(payload) },
        handshake,
        nextFingerprint: undefined,
      });
    },
  };
}
