/** OrganisationPage. */
export default function OrganisationPage() {
  return null;
}
