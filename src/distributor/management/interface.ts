import type { BusInterface } from '../../dbus/index.js';
import type { ChangeTrust } from './change-trust.js';
import { managementInterface } from './names.js';
import type { AppList, Status } from './status.js';

/** What the management interface gives. */
export interface Answers {
  status(): Promise<Status>;
  apps(): Promise<AppList>;
}

/**
 * Results are JSON in one string, because they are trees that grow: a key may be added, and none changes its meaning.
 * docs/management.md has them all.
 */
const xml = `<interface name="${managementInterface}">
  <!-- How the daemon is: connection, what waits, what is wrong and what to do. A JSON object. -->
  <method name="Status"><arg name="json" type="s" direction="out"/></method>
  <!-- The registrations of apps. A JSON object. -->
  <method name="Apps"><arg name="json" type="s" direction="out"/></method>
  <!-- Sets who may push to an app: a service or the beginning of a channel; a fingerprint, or nothing for the first key from now
       on. Answers with what was changed. A JSON object. -->
  <method name="Trust">
    <arg name="app" type="s" direction="in"/>
    <arg name="fingerprint" type="s" direction="in"/>
    <arg name="json" type="s" direction="out"/>
  </method>
</interface>`;

/** One answer for all who ask before it is there, so that many callers cost no more than one. */
function shared(answer: () => Promise<unknown>): () => Promise<readonly [string]> {
  let underWay: Promise<readonly [string]> | undefined;
  const make = async (): Promise<readonly [string]> => [JSON.stringify(await answer())];
  return async () => {
    underWay ??= make().finally(() => {
      underWay = undefined;
    });
    return await underWay;
  };
}

/** Makes the interface `org.mailpush.Management1`. */
export function management1(answers: Answers, changeTrust: ChangeTrust): BusInterface {
  return {
    name: managementInterface,
    xml,
    methods: {
      Status: { in: '', out: 's', handle: shared(() => answers.status()) },
      Apps: { in: '', out: 's', handle: shared(() => answers.apps()) },
      Trust: {
        in: 'ss',
        out: 's',
        handle: async ({ args: [app, fingerprint] }) => [
          JSON.stringify(await changeTrust(String(app), String(fingerprint))),
        ],
      },
    },
  };
}
