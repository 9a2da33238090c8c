const maxNameLength = 255;

/**
 * True for a bus name as messages carry it: a well-known one such as `org.example.App` or a unique one such as `:1.42`
 * (D-Bus specification, Bus names). A bus ends the connection of those who send it anything else.
 */
export function isBusName(name: string): boolean {
  if (name.length > maxNameLength) return false;
  return /^(?:[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+|:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)$/.test(
    name,
  );
}

/** True for a unique connection name: a bus name that begins with a colon. */
export function isUniqueName(name: string): boolean {
  return name.startsWith(':') && isBusName(name);
}

/** True for an interface or error name (D-Bus specification, Interface names). */
export function isInterfaceName(name: string): boolean {
  return name.length <= maxNameLength && /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/.test(name);
}

/** True for a method name (D-Bus specification, Member names). */
export function isMemberName(name: string): boolean {
  return name.length <= maxNameLength && /^[A-Za-z_]\w*$/.test(name);
}

/** True for an object path: `/`, or elements of letters, digits and underscores without a slash at the end. */
export function isObjectPath(path: string): boolean {
  return path === '/' || /^(?:\/\w+)+$/.test(path);
}
