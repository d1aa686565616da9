import { expect, test } from "vitest";
import { idProblem } from "./deviceId";
import { slugOf } from "./slug";

test.each([
  ["press_01", undefined],
  ["A", undefined],
  ["", "Enter a device id."],
  ["press 01", "Leave out the space: letters, digits, _ and - are allowed."],
  ["prëss", 'Leave out "ë": letters, digits, _ and - are allowed.'],
  ["_press", "Begin with a letter or a digit."],
  ["a".repeat(64), "Use at most 63 characters."],
])("the id %j: %s", (id, want) => expect(idProblem(id)).toBe(want));

test.each([
  ["Acme Manufacturing GmbH", "acme-manufacturing-gmbh"],
  ["  Müller & Söhne  ", "muller-sohne"],
  ["!!!", ""],
  ["a".repeat(39) + " b", "a".repeat(39)],
])("the short name of %j is %j", (name, want) => expect(slugOf(name)).toBe(want));
