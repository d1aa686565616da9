/** The way to add a device, or why it is closed. */
import { Link } from "react-router";
import { useRefusal } from "../../hooks/useSession";
import { paths } from "../../paths";
import { Button, buttonClass } from "../../ui/Button";
import { Icon } from "../../ui/Icon";

export function AddDeviceLink() {
  const refusal = useRefusal("devices.write");
  if (refusal) {
    return (
      <Button kind="primary" icon="plus" disabledReason={refusal}>
        Add device
      </Button>
    );
  }
  return (
    <Link className={buttonClass("primary")} to={paths.addDevice()}>
      <Icon name="plus" size={18} /> Add device
    </Link>
  );
}
