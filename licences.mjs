// What a bundle has taken in keeps its licence.
import { readdir, readFile } from "node:fs/promises";

/** The licences and notices of packages, one after the other, each under its name. */
export async function licencesOf(...packages) {
  const texts = packages.map(async (name) => {
    const files = (await readdir(`node_modules/${name}`)).filter((file) => /^(LICENSE|NOTICE)$/.test(file)).sort();
    if (files.length === 0) throw new Error(`${name} has neither a LICENSE nor a NOTICE`);
    return Promise.all(
      files.map(async (file) => `${name}/${file}\n\n${await readFile(`node_modules/${name}/${file}`, "utf8")}`),
    );
  });
  return (await Promise.all(texts)).flat().join("\n\n");
}
