/** How an invoice stands, in a word. */
import { InvoiceStatus } from "../../api/invoice";
import { Badge, type Tone } from "../../ui/Badge";

const words: Partial<Record<InvoiceStatus, { tone: Tone; word: string }>> = {
  [InvoiceStatus.DRAFT]: { tone: "steel", word: "draft" },
  [InvoiceStatus.OPEN]: { tone: "steel", word: "open" },
  [InvoiceStatus.PAID]: { tone: "accent", word: "paid" },
  [InvoiceStatus.PAST_DUE]: { tone: "rust", word: "past due" },
  [InvoiceStatus.UNCOLLECTIBLE]: { tone: "rust", word: "given up" },
  [InvoiceStatus.VOID]: { tone: "steel", word: "taken back" },
};

export function InvoiceBadge({ status }: { status: InvoiceStatus }) {
  const { tone, word } = words[status] ?? { tone: "steel", word: "unknown" };
  return <Badge tone={tone}>{word}</Badge>;
}
