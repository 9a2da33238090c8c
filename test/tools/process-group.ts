import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A user without rights, as a process is started. */
export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

/** `nobody` when we are root, else ourselves. */
export function unprivilegedUser(): UnprivilegedUser {
  const of = process.getuid?.() === 0 ? ['nobody'] : [];
  const id = (option: string): string => execFileSync('id', [option, ...of], { encoding: 'utf8' }).trim();
  return { uid: Number(id('-u')), gid: Number(id('-g')), user: id('-un'), group: id('-gn') };
}

/** A server program with all the processes that it starts. */
export interface ProcessGroup {
  readonly id: number;
  /** What the group has written to stderr, the last 16 KiB of it. */
  errors(): string;
  /** Resolves when the first process of the group has ended. */
  readonly ended: Promise<void>;
  /** Kills every process of the group and resolves when none is left. */
  kill(): Promise<void>;
}

/** Ids of the processes of a group that are alive; a zombie is not. */
export function processesOfGroup(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // After the name, which may hold anything and ends at the last parenthesis: state, parent, group.
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(itsGroup) === group && state !== 'Z' && state !== 'X';
      } catch {
        return false;
      }
    });
}

/**
 * Starts a program without rights, as the head of a process group of its own. The kernel sends it SIGTERM when the
 * process that started it dies, however it dies, so that a killed test run leaves nothing behind (Linux; prctl(2)).
 */
export function startProcessGroup(command: readonly string[], user: UnprivilegedUser, directory: string): ProcessGroup {
  const child: ChildProcess = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    ...(process.getuid?.() === 0 && { uid: user.uid, gid: user.gid }),
    cwd: directory,
    detached: true,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-16_384);
  });
  const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).then(() => {});
  const id = child.pid ?? 0;
  return {
    id,
    ended,
    errors: () => errors,
    async kill() {
      if (id === 0) {
        return;
      }
      for (let attempt = 0; processesOfGroup(id).length > 0; attempt += 1) {
        if (attempt === 500) {
          throw new Error(`Processes ${processesOfGroup(id).join(', ')} do not end`);
        }
        try {
          process.kill(-id, 'SIGKILL');
        } catch {
          // It ended by itself in the meantime.
        }
        await delay(5);
      }
      await ended;
    },
  };
}
