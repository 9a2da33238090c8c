/**
 * The bus name under which the daemon can be asked how it is. It belongs to a connection of its own: whoever may talk to
 * `org.unifiedpush.Distributor.*`, as a sandboxed app may, reaches every object of that other connection.
 */
export const managementName = 'org.mailpush.Management';

/** Where the object of {@link managementInterface} is. */
export const managementPath = '/org/mailpush/Management';

/** The interface that `mailpush status` and its like call (docs/management.md). */
export const managementInterface = 'org.mailpush.Management1';
