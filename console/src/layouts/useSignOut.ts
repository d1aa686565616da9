/** Ends the session and goes to the sign-in page. */
import { useNavigate } from "react-router";
import { signOut } from "../api/identity";
import { forgetEverything } from "./enterTenant";
import { paths } from "../paths";

export function useSignOut() {
  const navigate = useNavigate();
  return async () => {
    // Away first, so that no page asks again for what the ended session may not see.
    await navigate(paths.signIn(), { replace: true });
    forgetEverything();
    await signOut();
  };
}
