/** Bytes as people can read them: text where they are UTF-8 text, else hexadecimal. */
const mostShown = 8_192;

export function readPayload(bytes: Uint8Array): string {
  if (bytes.length === 0) return "(empty)";
  const head = bytes.subarray(0, mostShown);
  const more = bytes.length > mostShown ? `\n… ${bytes.length - mostShown} more bytes` : "";
  try {
    // A cut in the middle of a character must not turn text into hexadecimal, hence the streaming reading.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: more !== "" });
    // oxlint-disable-next-line no-control-regex
    if (!/[\u0000-\u0008\u000e-\u001f]/.test(text)) return text + more;
  } catch {
    // Not text.
  }
  return Array.from(head, (b) => b.toString(16).padStart(2, "0")).join(" ") + more;
}
