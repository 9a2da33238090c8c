import type { Log } from '../runtime.js';
import { BusCallError, BusError, errorNames } from './errors.js';
import { decodeBody, type MessageHeader, messageFlag, messageType, type OutgoingMessage } from './message.js';
import { isInterfaceName } from './names.js';
import type { ExportedObjects } from './objects.js';

/** A body over this is refused with `LimitsExceeded`: a push has 4096 bytes, and nothing here takes more than a few texts. */
const maxCallBytes = 65_536;
/** Handlers under way at once; a call over that is refused with `LimitsExceeded`. */
const maxRunning = 1024;
/** The same for one caller, so that none can use up what is there for all: as many as an app may have registrations, and more. */
const maxRunningOfOne = 256;
const maxErrorTextChars = 500;

type Answer = Pick<OutgoingMessage, 'type' | 'signature' | 'body' | 'errorName'>;

/** Answers method calls from the exported objects, each call exactly once, or never when no reply is expected. */
export class IncomingCalls {
  readonly #objects: ExportedObjects;
  readonly #log: Log;
  readonly #send: (message: Omit<OutgoingMessage, 'serial'>) => void;
  #running = 0;
  readonly #runningOf = new Map<string, number>();

  constructor(objects: ExportedObjects, log: Log, send: (message: Omit<OutgoingMessage, 'serial'>) => void) {
    this.#objects = objects;
    this.#log = log;
    this.#send = send;
  }

  /** Takes a call; never throws. The handler is entered at once, so calls are begun in the order in which they came. */
  receive(header: MessageHeader, endian: number, body: Buffer | undefined): void {
    const { sender = '' } = header;
    const runningOfOne = this.#runningOf.get(sender) ?? 0;
    if (this.#running >= maxRunning || runningOfOne >= maxRunningOfOne) {
      this.#answer(header, refusal(errorNames.limitsExceeded, 'Too many calls at once'));
      return;
    }
    this.#begun(sender, 1);
    void this.#run(header, endian, body)
      .catch((error) => this.#refusalFor(header, error))
      .then((answer) => {
        this.#begun(sender, -1);
        this.#answer(header, answer);
      });
  }

  #begun(sender: string, change: 1 | -1): void {
    this.#running += change;
    const running = (this.#runningOf.get(sender) ?? 0) + change;
    if (running === 0) this.#runningOf.delete(sender);
    else this.#runningOf.set(sender, running);
  }

  async #run(header: MessageHeader, endian: number, body: Buffer | undefined): Promise<Answer> {
    if (body === undefined || body.length > maxCallBytes) {
      return refusal(errorNames.limitsExceeded, `A call may have ${maxCallBytes} bytes at most`);
    }
    const { path = '', member = '', sender = '', signature } = header;
    const method = this.#objects.find({ path, interface: header.interface, member });
    if (signature !== method.in) {
      return refusal(errorNames.invalidArgs, `${member} takes arguments of the signature "${method.in}"`);
    }
    const result = await method.handle({ sender, member, args: decodeBody(endian, signature, body) });
    return { type: messageType.reply, signature: method.out, body: result };
  }

  #refusalFor(header: MessageHeader, error: unknown): Answer {
    const isMeant = error instanceof BusError && !(error instanceof BusCallError);
    if (isMeant && error.errorName !== undefined && isInterfaceName(error.errorName)) {
      return refusal(error.errorName, error.message);
    }
    if (isMeant && error.code === 'ERR_BUS_PROTOCOL')
      return refusal(errorNames.invalidArgs, 'The arguments cannot be read');
    this.#log.error(
      { err: error, member: header.member },
      'A D-Bus method failed; its caller was told so without details.',
    );
    return refusal(errorNames.failed, 'Internal error');
  }

  #answer(header: MessageHeader, answer: Answer): void {
    if ((header.flags & messageFlag.noReplyExpected) !== 0) return;
    const envelope = { flags: messageFlag.noReplyExpected, replySerial: header.serial, destination: header.sender };
    try {
      this.#send({ ...answer, ...envelope });
    } catch (error) {
      // The handler gave values that do not fit its signature: the caller must not wait for ever because of that.
      this.#send({ ...this.#refusalFor(header, error), ...envelope });
    }
  }
}

function refusal(errorName: string, text: string): Answer {
  const plain = text.replaceAll('\0', ' ').slice(0, maxErrorTextChars);
  return { type: messageType.error, errorName, signature: 's', body: [plain] };
}
