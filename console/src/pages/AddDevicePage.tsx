/** AddDevicePage. */
export default function AddDevicePage() {
  return null;
}
