/** Writes a zip archive of small text files, stored without compression: all that a certificate bundle needs. */
export interface ZipEntry {
  name: string;
  text: string;
  /** Unix permission bits; 0o600 keeps a private key private where it is unpacked. */
  mode: number;
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32 as zip and PNG use it. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) c = table[(c ^ b) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

export function zip(entries: ZipEntry[], at: Date): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = new TextEncoder().encode(entry.name);
    const body = new TextEncoder().encode(entry.text);
    const common = commonFields(name, body, at);
    const local = concat([words(0x04034b50, 4), common, name, body]);
    directory.push(concat([words(0x02014b50, 4), words(0x031e, 2), common, words(0, 2), words(0, 2), words(0, 2), words(((0o100000 | entry.mode) << 16) >>> 0, 4), words(offset, 4), name]));
    parts.push(local);
    offset += local.length;
  }
  const central = concat(directory);
  const end = concat([words(0x06054b50, 4), words(0, 4), words(entries.length, 2), words(entries.length, 2), words(central.length, 4), words(offset, 4), words(0, 2)]);
  return concat([...parts, central, end]);
}

/** What a local header and a directory entry share: version needed to the extra field's length. */
function commonFields(name: Uint8Array, body: Uint8Array, at: Date): Uint8Array {
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  const date = ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  return concat([words(20, 2), words(0x0800, 2), words(0, 2), words(time, 2), words(date, 2), words(crc32(body), 4), words(body.length, 4), words(body.length, 4), words(name.length, 2), words(0, 2)]);
}

function words(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff);
}

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
