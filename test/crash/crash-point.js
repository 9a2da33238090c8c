// Loaded into the daemon before its own code (node --import): wraps the border of the process, so that everything that
// can be seen or found again outside goes through here: what is written to the mail server and to the bus, changes of the
// database, and files of the state directory. Each such effect is written down when it begins and when it has ended, and
// at one of them the process can be killed. Nothing in the product knows of this, so that later effects are there too.
//
// MAILPUSH_EFFECTS  file that the effects are added to, one JSON object a line
// MAILPUSH_SCENE    file with the scene that is played, and where in it to kill: {"scene": "start", "crashAt": "before NAME#2"},
//                   or "half NAME#2" (of its bytes), or "after NAME#2". NAME#2 is the second effect of this name in the
//                   scene. "after" is when the answer is in this process and nobody has seen it yet.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { relative, resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { FrameReader } from '../../dist/dbus/frame-reader.js';
import { decodeHeader, messageFlag, messageType } from '../../dist/dbus/message.js';

const require = createRequire(import.meta.url);
const fs = require('node:fs');
const net = require('node:net');

const file = fs.openSync(process.env.MAILPUSH_EFFECTS, 'a');
const { writeSync } = fs;

let current = {};
/** How often there was an effect of this kind in the scene. */
let counts = new Map();

/** Looked up before each effect: scenes change while nothing happens. */
function readScene() {
  const { scene, crashAt = '' } = JSON.parse(fs.readFileSync(process.env.MAILPUSH_SCENE, 'utf8'));
  if (scene !== current.scene) counts = new Map();
  current = { scene, crashAt };
}

/** In one piece, for those who read at the same time. */
function note(name, ...moments) {
  writeSync(file, moments.map((moment) => `${JSON.stringify({ scene: current.scene, moment, name })}\n`).join(''));
}

const isPlanned = (moment, name) => current.crashAt === `${moment} ${name}`;

function die() {
  process.kill(process.pid, 'SIGKILL');
  // Until the signal is there, nothing more is done.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Tells that an effect is about to happen; what it returns is to be called when it has. `half` makes half of it happen. */
function begin(kind, half = () => {}) {
  readScene();
  const count = (counts.get(kind) ?? 0) + 1;
  counts.set(kind, count);
  const name = `${kind}#${count}`;
  if (isPlanned('before', name)) {
    note(name, 'killed');
    die();
  }
  note(name, 'begin');
  if (isPlanned('half', name)) {
    half();
    note(name, 'killed');
    die();
  }
  return () => {
    if (!isPlanned('after', name)) return note(name, 'end');
    note(name, 'end', 'killed');
    die();
  };
}

/** An operation that returns a promise. */
function wrapPromise(object, method, kindOf) {
  const original = object[method];
  object[method] = async function wrapped(...args) {
    const kind = kindOf(this, ...args);
    if (kind === undefined) return await original.apply(this, args);
    const ended = begin(kind);
    try {
      return await original.apply(this, args);
    } finally {
      ended();
    }
  };
}

// The database: the first part of a key says what it is about.

const keyKind = (key) => String(key).split('/')[0];
const list = (kinds) => [...new Set(kinds)].sort().join(', ');

wrapPromise(ClassicLevel.prototype, '_open', () => 'store open');
wrapPromise(ClassicLevel.prototype, '_close', () => 'store close');
wrapPromise(ClassicLevel.prototype, '_put', (_, key) => `store put ${keyKind(key)}`);
wrapPromise(ClassicLevel.prototype, '_del', (_, key) => `store del ${keyKind(key)}`);
wrapPromise(ClassicLevel.prototype, '_clear', () => 'store clear');
wrapPromise(ClassicLevel.prototype, '_batch', (_, operations) => {
  return `store write ${list(operations.map(({ type, key }) => `${type} ${keyKind(key)}`))}`;
});

// Files of the state directory.

const stateDirectory = resolve(process.argv[process.argv.indexOf('--state-dir') + 1]);

for (const method of ['mkdir', 'chmod', 'rename', 'rm', 'rmdir', 'unlink', 'writeFile', 'appendFile', 'cp', 'open']) {
  wrapPromise(fs.promises, method, (_, path, to) => {
    const inside = relative(stateDirectory, resolve(String(path)));
    if (inside.startsWith('..')) return undefined;
    return `file ${method} ${inside || '.'}${method === 'rename' ? ` to ${relative(stateDirectory, resolve(to))}` : ''}`;
  });
}
syncBuiltinESMExports();

// What goes to the mail server: one write is one command.

function createMailLine() {
  /** What ends when the server has answered this tag; `+` for a line that asks to go on. */
  const pending = new Map();
  let lastTag = '';
  let unread = '';

  function kindOf(text) {
    const [, tag, command = '', rest = ''] = /^(\S+) ((?:UID )?\w+)(.*)/is.exec(text) ?? [];
    if (tag === undefined) return { tag: lastTag, kind: /^DONE\r\n$/.test(text) ? 'imap DONE' : 'imap continuation' };
    // No secret, and no number, because these are different each time.
    const what = /^(LOGIN|AUTHENTICATE)$/i.test(command) ? '' : rest.trimEnd().replace(/\d[\d,:*]*/g, 'n');
    return { tag, kind: `imap ${command}${what}` };
  }

  return {
    write: (chunk, write) => {
      const text = Buffer.from(chunk).toString('latin1');
      const { tag, kind } = kindOf(text);
      const ended = begin(kind, () => write(text.slice(0, text.length / 2)));
      lastTag = tag;
      // These two are asked to go on, and end when what follows has ended.
      pending.set(/^imap (IDLE|AUTHENTICATE)/i.test(kind) ? '+' : tag, ended);
      return write();
    },
    read: (chunk) => {
      const lines = (unread + chunk.toString('latin1')).split('\r\n');
      unread = lines.pop();
      for (const line of lines) {
        const [, tag] = /^(\+|\S+(?= (?:OK|NO|BAD)\b))/.exec(line) ?? [];
        const ended = pending.get(tag);
        pending.delete(tag);
        ended?.();
      }
    },
  };
}

// What goes to a bus: first words, then one write is one message.

function createBusLine() {
  const reader = new FrameReader({ headerBytes: 65_536, bodyBytes: 134_217_728 });
  /** What ends when the call with this serial is answered. */
  const pending = new Map();
  /** Which method a caller has called under its serial. */
  const called = new Map();
  let isOpen = false;
  let isRead = false;

  function kindOf({ type, member, interface: of, destination, replySerial }) {
    const method = `${(of ?? '')
      .replace(/^org\.freedesktop\.DBus$/, '')
      .split('.')
      .at(-1)} ${member}`.trim();
    if (type === messageType.call) return `bus call ${method}`;
    if (type === messageType.signal) return `bus signal ${method}`;
    return `bus ${type === messageType.error ? 'error' : 'reply'} to ${called.get(`${destination} ${replySerial}`)}`;
  }

  return {
    write: (chunk, write) => {
      const bytes = Buffer.from(chunk);
      const half = () => write(bytes.subarray(0, bytes.length / 2));
      if (!isOpen) {
        isOpen = /BEGIN\r\n$/.test(bytes.toString('latin1'));
        const ended = begin(isOpen ? 'bus BEGIN' : 'bus AUTH', half);
        const result = write();
        ended();
        return result;
      }
      const header = decodeHeader(bytes);
      const ended = begin(kindOf(header), half);
      const isAnswered = header.type === messageType.call && (header.flags & messageFlag.noReplyExpected) === 0;
      if (isAnswered) pending.set(header.serial, ended);
      const result = write();
      if (!isAnswered) ended();
      return result;
    },
    read: (chunk) => {
      // Whatever comes before the first message is text.
      isRead ||= isOpen && (chunk[0] === 0x6c || chunk[0] === 0x42);
      if (!isRead) return;
      for (const frame of reader.push(chunk)) {
        const header = decodeHeader(frame.header);
        if (header.type === messageType.call) called.set(`${header.sender} ${header.serial}`, header.member);
        const ended = pending.get(header.replySerial);
        pending.delete(header.replySerial);
        ended?.();
      }
    },
  };
}

const { Socket } = net;
const { connect, write, push } = Socket.prototype;
const lines = new WeakMap();

Socket.prototype.connect = function connectTo(...args) {
  const [first] = args.flat();
  lines.set(this, typeof first === 'object' && first.path !== undefined ? createBusLine() : createMailLine());
  return connect.apply(this, args);
};
Socket.prototype.write = function writeTo(chunk, ...more) {
  const line = lines.get(this);
  if (line === undefined) return write.call(this, chunk, ...more);
  return line.write(chunk, (part) => (part === undefined ? write.call(this, chunk, ...more) : write.call(this, part)));
};
Socket.prototype.push = function pushFrom(chunk, ...more) {
  if (chunk !== null && chunk !== undefined) lines.get(this)?.read(chunk);
  return push.call(this, chunk, ...more);
};
