export function unzipStored(bytes: Buffer): Map<string, Buffer>;
