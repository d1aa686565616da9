/** What is wrong with a device id or type, in a sentence that says what to do. The server holds the same rule. */
const pattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

export function idProblem(id: string): string | undefined {
  return problem(id, "Enter a device id.");
}

export function deviceTypeProblem(type: string): string | undefined {
  return problem(type, "Enter a device type.");
}

function problem(text: string, empty: string): string | undefined {
  if (text === "") return empty;
  if (pattern.test(text)) return undefined;
  if (text.length > 63) return "Use at most 63 characters.";
  if (/^[_-]/.test(text)) return "Begin with a letter or a digit.";
  const wrong = [...text].find((c) => !/[A-Za-z0-9_-]/.test(c)) ?? "";
  return `Leave out ${wrong === " " ? "the space" : `"${wrong}"`}: letters, digits, _ and - are allowed.`;
}
