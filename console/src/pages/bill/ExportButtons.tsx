/** An invoice as a file: to print, to compute with, to keep. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { ExportForm, exportInvoice, type Invoice } from "../../api/invoice";
import { Button } from "../../ui/Button";
import { useToasts } from "../../ui/Toasts";

const forms = [
  { form: ExportForm.PDF, label: "PDF" },
  { form: ExportForm.CSV, label: "CSV" },
  { form: ExportForm.JSON, label: "JSON" },
] as const;

export function ExportButtons({ invoice }: { invoice: Invoice }) {
  const [busy, setBusy] = useState<ExportForm>();
  const toasts = useToasts();

  async function take(form: ExportForm) {
    setBusy(form);
    try {
      const file = await exportInvoice(invoice.invoiceId, form);
      save(new Blob([new Uint8Array(file.content)], { type: file.mediaType }), file.fileName);
    } catch (failure) {
      toasts.failed("The invoice could not be exported", explain(failure).detail);
    }
    setBusy(undefined);
  }

  return forms.map(({ form, label }) => (
    <Button key={form} size="small" icon="download" busy={busy === form} aria-label={`Download as ${label}`} onClick={() => take(form)}>
      {label}
    </Button>
  ));
}

function save(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
