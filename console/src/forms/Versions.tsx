/** Two versions of one thing, side by side, when two people changed it at once. */
import { Notice } from "../ui/States";
import table from "../ui/Table.module.css";

type Line = [name: string, value: string];

export function Versions({ detail, current, yours }: { detail: string; current: Line[]; yours: Line[] }) {
  return (
    <Notice tone="brass" icon="warning">
      {detail}
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Field</span>
            </th>
            <th scope="col">As it is now</th>
            <th scope="col">As you would have it</th>
          </tr>
        </thead>
        <tbody>
          {current.map(([name, value], i) => {
            const mine = yours[i]?.[1] ?? "";
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td data-label="Now">{value || "–"}</td>
                <td data-label="Yours">{mine === value ? "the same" : <strong>{mine || "–"}</strong>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Notice>
  );
}
