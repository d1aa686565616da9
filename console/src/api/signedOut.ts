/** News that the session has ended, from whichever call noticed first, to the layout that takes the person to sign in. */
const listeners = new Set<() => void>();

export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function announceSignedOut() {
  for (const listener of listeners) listener();
}
