/** Where the console begins: at the machines for who may see them, else at the money. */
import { Navigate } from "react-router";
import { useSession } from "../hooks/useSession";
import { paths } from "../paths";

export function Home() {
  const { actions } = useSession();
  const start = actions.has("devices.read") ? paths.fleet() : actions.has("invoices.read") ? paths.bill() : paths.usage();
  return <Navigate to={start} replace />;
}
