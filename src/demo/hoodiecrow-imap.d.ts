/** The part of hoodiecrow-imap 2.1.0 that the demo's mail server uses; the package ships no types. */
declare module 'hoodiecrow-imap' {
  import type { EventEmitter } from 'node:events';
  import type { Server, Socket } from 'node:net';

  namespace hoodiecrow {
    interface Message {
      uid: number;
      flags: string[];
      /** IMAP date-time, such as `01-Feb-2026 10:00:00 +0000`. */
      internaldate: string;
      /** One character per byte (latin1). */
      raw: string;
    }
    interface Mailbox {
      path: string;
      flags: string[];
      uidvalidity: number;
      uidnext: number;
      messages: Message[];
    }
    interface Token {
      type: string;
      value: string;
      section?: Argument[];
      partial?: number[];
    }
    type Argument = Token | Argument[] | null;
    interface Command {
      tag: string;
      command: string;
      attributes?: Argument[];
    }
    type ResponsePart = Token | ResponsePart[] | number | string | null;
    interface Response {
      tag: string;
      command?: string;
      attributes?: ResponsePart[];
    }
    interface Connection {
      /** The server whose mailboxes and commands this connection sees; everything is looked up through it. */
      server: ImapServer;
      socket: Socket | null;
      state: 'Not Authenticated' | 'Authenticated' | 'Selected' | 'Logout';
      selectedMailbox: Mailbox | false;
      /** Whether the mailbox was opened by EXAMINE. */
      readOnly?: boolean;
      /** Takes the next lines instead of the command parser. */
      inputHandler: false | ((line: string) => void);
      /** Whether announcements are sent at once instead of with the next command. */
      directNotifications: boolean;
      /** The listener that is registered for the server's `notify` event. */
      _notificationCallback: (notification: unknown) => void;
      send(response: Response, description: string, parsed?: Command, data?: string, extra?: unknown): void;
      scheduleCommand(data: string): void;
      processNotifications(): void;
      expungeSpecificMessages(
        mailbox: Mailbox,
        messages: Message[],
        ignoreSelf?: boolean,
        ignoreExists?: boolean,
      ): void;
    }
    type CommandHandler = (connection: Connection, parsed: Command, data: string, done: () => void) => void;
    type FetchHandler = (connection: Connection, message: Message, query: Token) => ResponsePart;
    type Plugin = (server: ImapServer) => void;
    interface Folder {
      uidvalidity?: number;
      'special-use'?: string;
      subscribed?: boolean;
    }
    interface Options {
      plugins?: (string | Plugin)[];
      users?: Record<string, { password: string }>;
      storage?: Record<string, Folder & { folders?: Record<string, Folder>; separator?: string; type?: 'personal' }>;
    }
    interface ImapServer extends EventEmitter {
      readonly server: Server;
      readonly folderCache: Record<string, Mailbox>;
      readonly connectionHandlers: ((connection: Connection) => void)[];
      readonly outputHandlers: ((
        connection: Connection,
        response: Response,
        description: string,
        parsed?: Command,
        data?: string,
        extra?: unknown,
      ) => void)[];
      readonly fetchHandlers: Record<string, FetchHandler>;
      formatInternalDate: (date: Date) => string;
      registerCapability(name: string): void;
      getCommandHandler(command: string): CommandHandler | false;
      setCommandHandler(command: string, handler: CommandHandler): void;
      getMailbox(path: string): Mailbox | undefined;
      getMessageRange(mailbox: Mailbox, range: string, isUid: boolean): [sequence: number, message: Message][];
      createMailbox(path: string): void;
      appendMessage(mailbox: Mailbox, flags: string[], date: string, raw: string): { message: Message };
      notify(response: Response, mailbox: Mailbox, ignoreConnection?: Connection): void;
    }
  }

  function hoodiecrow(options?: hoodiecrow.Options): hoodiecrow.ImapServer;
  export = hoodiecrow;
}
