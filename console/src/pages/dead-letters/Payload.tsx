/** A payload with the place of its error marked. */
import { readPayload } from "../../format/payload";
import styles from "./DeadLetters.module.css";

const before = 2_000;
const after = 2_000;

/** The offset is in bytes, so the bytes are cut, not the text. */
export function Payload({ bytes, offset, length }: { bytes: Uint8Array; offset: number; length: number }) {
  if (length === 0 || offset >= bytes.length) return <pre className={styles.payload}>{readPayload(bytes)}</pre>;
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(Math.max(from, 0), Math.max(to, 0)));
  return (
    <pre className={styles.payload}>
      {offset > before && "… "}
      {text(offset - before, offset)}
      <mark>{text(offset, offset + length)}</mark>
      {text(offset + length, offset + length + after)}
      {offset + length + after < bytes.length && " …"}
    </pre>
  );
}
