/** The items of a job that failed, each with its reason. */
import type { ItemError } from "../../api/job";
import table from "../../ui/Table.module.css";

export function ErrorTable({ errors, head }: { errors: ItemError[]; head: string }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">{head}</th>
          <th scope="col">Device</th>
          <th scope="col">Reason</th>
        </tr>
      </thead>
      <tbody>
        {errors.map((error) => (
          <tr key={error.item}>
            <td data-label={head}>{error.item}</td>
            <td data-label="Device" className={table.wrap}>
              <code>{error.name || "–"}</code>
            </td>
            <td data-label="Reason" className={table.wrap}>
              {error.error}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
