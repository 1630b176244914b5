"""The words for what can be wrong with the table itself: the Frictionless vocabulary and our own codes.

Every finding of the reading pass, and every schema finding, carries one of these codes. The severity here is the
default; a profile may set another one or switch a code off.

Source: https://specs.frictionlessdata.io/table-schema/ (names of the first group)
"""

from validations.engine.texts import CodeTexts, Text, register

ERROR, WARNING, INFO = "error", "warning", "info"

_SEVERITIES: dict[str, str] = {}


def severity(code: str) -> str:
    """How bad a table error is when the profile says nothing about it."""
    return _SEVERITIES[code]


def _define(
    code: str, level: str, title: Text, message: Text, explanation: Text, fix: Text, **cases: Text
) -> None:
    register(CodeTexts(code, level, title, message, explanation, fix, cases))
    _SEVERITIES[code] = level


_define(
    "encoding-error",
    ERROR,
    Text("Character that the encoding does not have", "Caractère absent de l'encodage"),
    Text(
        "Byte {offset:number} of the file (line {line}) is not {encoding:text}. It was read as “{letter:text}”.",
        "L'octet {offset:number} du fichier (ligne {line}) n'est pas du {encoding:text}. Il a été lu « "
        "{letter:text} ».",
    ),
    Text(
        "Part of the file was saved in another encoding than the rest, so some letters cannot be read for certain.",
        "Une partie du fichier a été enregistrée dans un autre encodage que le reste : certaines "
        "lettres sont incertaines.",
    ),
    Text(
        "Export the whole file as UTF-8 and send it again.",
        "Exportez tout le fichier en UTF-8 et renvoyez-le.",
    ),
)
_define(
    "mojibake",
    WARNING,
    Text("Garbled accents", "Accents défigurés"),
    Text(
        "{count:number} {count:plural|character was|characters were} encoded twice (“Ã©” for “é”). They "
        "were put right.",
        "{count:number} {count:plural|caractère avait été encodé|caractères avaient été encodés} deux fois (« Ã© » au "
        "lieu de « é »). Ils ont été rétablis.",
    ),
    Text(
        "The file was saved as UTF-8, read as Windows-1252 and saved as UTF-8 again; each accent became "
        "two characters.",
        "Le fichier enregistré en UTF-8 a été lu en Windows-1252 puis enregistré de nouveau : chaque accent est devenu "
        "deux caractères.",
    ),
    Text(
        "Correct the export so that it writes UTF-8 once. Nothing has to be done for this file.",
        "Corrigez l'exportation pour qu'elle n'encode qu'une fois en UTF-8. Rien à faire pour ce fichier.",
    ),
    some=Text(
        "{count:number} {count:plural|place looks|places look} encoded twice (“Ã©” for “é”). They "
        "were left as they are.",
        "{count:number} {count:plural|passage semble encodé|passages semblent encodés} deux fois (« Ã© » au lieu de "
        "« é »). Ils ont été laissés tels quels.",
    ),
)
_define(
    "null-byte",
    WARNING,
    Text("Zero byte", "Octet nul"),
    Text(
        "{count:number} zero {count:plural|byte was|bytes were} left out of this line.",
        "{count:number} {count:plural|octet nul a été retiré|octets nuls ont été retirés} de cette ligne.",
    ),
    Text(
        "A zero byte is no character. It comes from a damaged file or from a database field that was cut.",
        "Un octet nul n'est pas un caractère. Il vient d'un fichier abîmé ou d'un champ de base de données tronqué.",
    ),
    Text(
        "Compare the line with your system, then export again.",
        "Comparez la ligne à votre système, puis réexportez.",
    ),
)
_define(
    "stray-bom",
    INFO,
    Text("Byte order mark inside the file", "Indicateur d'ordre des octets dans le fichier"),
    Text(
        "An invisible mark was left out of this line.", "Une marque invisible a été retirée de cette ligne."
    ),
    Text(
        "The mark belongs at the start of a file. Inside, it shows where two files were put together.",
        "Cette marque se place au début d'un fichier. Au milieu, elle montre où deux fichiers ont été réunis.",
    ),
    Text(
        "Nothing has to be done, unless the files should not have been put together.",
        "Rien à faire, sauf si les fichiers n'auraient pas dû être réunis.",
    ),
)
_define(
    "mixed-line-ends",
    INFO,
    Text("Different line ends", "Fins de ligne différentes"),
    Text(
        "The file ends lines in several ways: {crlf:number} CR LF, {lf:number} LF, {cr:number} CR.",
        "Le fichier termine ses lignes de plusieurs façons : {crlf:number} CR LF, {lf:number} LF, {cr:number} CR.",
    ),
    Text(
        "Lines written by different systems stand in one file. Every line was read.",
        "Des lignes écrites par des systèmes différents se suivent dans un fichier. Toutes ont été lues.",
    ),
    Text(
        "Nothing has to be done, unless the file was put together by hand.",
        "Rien à faire, sauf si le fichier a été assemblé à la main.",
    ),
)
_define(
    "sep-line",
    INFO,
    Text("Line that names the separator", "Ligne qui nomme le séparateur"),
    Text(
        "The first line (“sep=”) tells Excel the separator; it was followed and left out.",
        "La première ligne (« sep= ») indique le séparateur à Excel ; elle a été suivie et ignorée.",
    ),
    Text(
        "Excel needs this line to open the file; it is no part of the table.",
        "Excel a besoin de cette ligne pour ouvrir le fichier ; elle ne fait pas partie du tableau.",
    ),
    Text("Nothing has to be done.", "Rien à faire."),
)
_define(
    "text-formula",
    INFO,
    Text("Numbers written as formulas", "Nombres écrits comme des formules"),
    Text(
        '{count:number} {count:plural|cell was|cells were} written as a formula (="0123") to keep zeros in a '
        "spreadsheet. {count:plural|It was|They were} read as the text inside.",
        '{count:number} {count:plural|cellule était écrite|cellules étaient écrites} comme une formule (="0123") '
        "pour garder les zéros dans un tableur. {count:plural|Elle a été lue|Elles ont été lues} comme le texte "
        "qu'elle contient.",
    ),
    Text(
        "Programs write numbers this way so that a spreadsheet does not drop the zeros at their beginning.",
        "Des logiciels écrivent les nombres ainsi pour qu'un tableur n'en supprime pas les zéros du début.",
    ),
    Text(
        "Nothing has to be done. Turn this off in the export if the payer is stricter.",
        "Rien à faire. Désactivez cette option à l'exportation si le payeur est plus strict.",
    ),
)
_define(
    "lines-quoted",
    INFO,
    Text("Lines quoted as a whole", "Lignes entre guillemets"),
    Text(
        "Each line stands in quotation marks as a whole; the marks were left out and the line was read as a row.",
        "Chaque ligne est entre guillemets en entier ; les guillemets ont été retirés et la ligne lue comme telle.",
    ),
    Text(
        "This happens when a file is opened as one column in a spreadsheet and saved again.",
        "Cela arrive quand un fichier est ouvert en une seule colonne dans un tableur, puis enregistré de nouveau.",
    ),
    Text(
        "Check a few rows. Send the file as the billing program wrote it, without opening it in a spreadsheet.",
        "Vérifiez quelques lignes. Envoyez le fichier tel que le logiciel l'a produit, sans l'ouvrir dans un tableur.",
    ),
)
_define(
    "sheets-not-read",
    WARNING,
    Text("Sheets that were not read", "Feuilles non lues"),
    Text(
        "The sheet “{sheet:text}” was read; {count:number} other {count:plural|sheet|sheets} of the workbook "
        "{count:plural|is|are} not empty and {count:plural|was|were} not.",
        "La feuille « {sheet:text} » a été lue ; {count:number} {count:plural|autre feuille|autres feuilles} du "
        "classeur {count:plural|n'est pas vide et n'a pas été lue|ne sont pas vides et n'ont pas été lues}.",
    ),
    Text(
        "One table is read of each workbook: the largest one on a visible sheet.",
        "Un seul tableau est lu par classeur : le plus grand d'une feuille visible.",
    ),
    Text(
        "Nothing has to be done if the other sheets hold no bill. Otherwise send each as a file of its own.",
        "Rien à faire si les autres feuilles ne contiennent pas de facturation. Sinon, envoyez chacune dans un "
        "fichier à part.",
    ),
)
_define(
    "merged-cells",
    INFO,
    Text("Merged cells", "Cellules fusionnées"),
    Text(
        "{count:number} {count:plural|cell was|cells were} merged with the one above; "
        "{count:plural|it was|they were} read with its value.",
        "{count:number} {count:plural|cellule était fusionnée|cellules étaient fusionnées} avec celle du dessus ; "
        "{count:plural|elle a été lue|elles ont été lues} avec sa valeur.",
    ),
    Text(
        "A merged cell stands for each of the rows that it spans.",
        "Une cellule fusionnée vaut pour chacune des lignes qu'elle couvre.",
    ),
    Text("Check these rows, or undo the merging.", "Vérifiez ces lignes, ou annulez la fusion."),
)
_define(
    "preamble-skipped",
    INFO,
    Text("Lines above the table", "Lignes au-dessus du tableau"),
    Text(
        "{count:number} {count:plural|line|lines} above the header {count:plural|was|were} left out.",
        "{count:number} {count:plural|ligne|lignes} au-dessus de l'en-tête {count:plural|a été "
        "ignorée|ont été ignorées}.",
    ),
    Text(
        "A title, a date of export or a note stood above the column names.",
        "Un titre, une date d'exportation ou une note se trouvait au-dessus des noms de colonnes.",
    ),
    Text(
        "Check that the header was found on the right line, or give its line and check again.",
        "Vérifiez que l'en-tête est à la bonne ligne, ou indiquez sa ligne et relancez la validation.",
    ),
)
_define(
    "footer-skipped",
    INFO,
    Text("Line below the table", "Ligne sous le tableau"),
    Text("This note below the table was left out.", "Cette note sous le tableau a été ignorée."),
    Text(
        "After an empty line at the end of the file stands text in one cell only; it is no billing line.",
        "Après une ligne vide en fin de fichier, du texte occupe une seule cellule : ce n'est pas une "
        "ligne de facturation.",
    ),
    Text(
        "Nothing has to be done, unless this is a billing line: then complete it.",
        "Rien à faire, sauf s'il s'agit d'une ligne de facturation : complétez-la alors.",
    ),
)
_define(
    "header-missing",
    WARNING,
    Text("No header", "En-tête absent"),
    Text(
        "The first line of the table is data already; the columns have no names.",
        "La première ligne du tableau contient déjà des données : les colonnes n'ont pas de nom.",
    ),
    Text(
        "Columns are told by their names, not by their order, so that no amount is read from the wrong column.",
        "Les colonnes se reconnaissent à leur nom et non à leur ordre, pour qu'aucun montant ne soit lu "
        "au mauvais endroit.",
    ),
    Text(
        "Export the file with its column names in the first line.",
        "Exportez le fichier avec les noms de colonnes sur la première ligne.",
    ),
)
_define(
    "header-joined",
    INFO,
    Text("Header of several lines", "En-tête sur plusieurs lignes"),
    Text(
        "{count:number} header lines were read as one.",
        "{count:number} lignes d'en-tête ont été lues comme une seule.",
    ),
    Text(
        "The column names stand on more than one line; the parts above each other were joined.",
        "Les noms de colonnes occupent plusieurs lignes ; les parties superposées ont été réunies.",
    ),
    Text(
        "Export the file with one header line if a column was not recognized.",
        "Exportez le fichier avec une seule ligne d'en-tête si une colonne n'a pas été reconnue.",
    ),
)
_define(
    "header-repeated",
    WARNING,
    Text("Header repeated inside the table", "En-tête répété dans le tableau"),
    Text(
        "This line is the header again; it was left out.",
        "Cette ligne répète l'en-tête ; elle a été ignorée.",
    ),
    Text(
        "The column names come again between the rows, as when files are put together or pages are printed.",
        "Les noms de colonnes reviennent entre les lignes, comme lorsque des fichiers sont réunis ou "
        "des pages imprimées.",
    ),
    Text(
        "Remove the line. If the files should not have been put together, send each by itself.",
        "Supprimez la ligne. Si les fichiers n'auraient pas dû être réunis, envoyez chacun séparément.",
    ),
)
_define(
    "blank-header",
    WARNING,
    Text("Column without a name", "Colonne sans nom"),
    Text("Column {column:text} has no name.", "La colonne {column:text} n'a pas de nom."),
    Text(
        "A column without a name cannot be matched; its cells are kept beside the record.",
        "Une colonne sans nom ne peut pas être associée ; ses cellules sont conservées à côté de l'enregistrement.",
    ),
    Text(
        "Name the column, or delete it if it is empty.",
        "Nommez la colonne, ou supprimez-la si elle est vide.",
    ),
    dropped=Text(
        "The header has one name too many at column {column:text}, an empty one; it was left out.",
        "L'en-tête a un nom de trop à la colonne {column:text}, vide ; il a été ignoré.",
    ),
)
_define(
    "duplicate-label",
    ERROR,
    Text("Two columns with one name", "Deux colonnes du même nom"),
    Text(
        "Columns {first_column:text} and {column:text} are both named “{label:text}”. Column "
        "{first_column:text} was used.",
        "Les colonnes {first_column:text} et {column:text} s'appellent toutes deux « {label:text} ». La colonne "
        "{first_column:text} a été utilisée.",
    ),
    Text("Only one column can be meant by a name.", "Un nom ne peut désigner qu'une seule colonne."),
    Text("Rename or delete one of the two columns.", "Renommez ou supprimez l'une des deux colonnes."),
)
_define(
    "extra-label",
    INFO,
    Text("Column that is not needed", "Colonne non utilisée"),
    Text(
        "Column {column:text} (“{label:text}”) is not part of the profile; its cells are kept beside the record.",
        "La colonne {column:text} (« {label:text} ») ne fait pas partie du profil ; ses cellules sont "
        "conservées à côté "
        "de l'enregistrement.",
    ),
    Text(
        "Further columns are allowed; they are not checked.",
        "D'autres colonnes sont permises ; elles ne sont pas vérifiées.",
    ),
    Text(
        "Nothing has to be done, unless the name is misspelled.",
        "Rien à faire, sauf si le nom est mal orthographié.",
    ),
)
_define(
    "missing-label",
    ERROR,
    Text("Column missing", "Colonne manquante"),
    Text("The column “{title:text}” is missing.", "La colonne « {title:text} » est absente."),
    Text(
        "The profile requires this column; without it the rules that use it cannot be checked.",
        "Le profil exige cette colonne ; sans elle, les règles qui l'utilisent ne peuvent pas être vérifiées.",
    ),
    Text(
        "Add the column to the export, or rename the column that holds it.",
        "Ajoutez la colonne à l'exportation, ou renommez celle qui en contient les valeurs.",
    ),
)
_define(
    "incorrect-label",
    WARNING,
    Text("Misspelled column name", "Nom de colonne mal orthographié"),
    Text(
        "Column {column:text} was read as “{expected:text}”.",
        "La colonne {column:text} a été lue comme « {expected:text} ».",
    ),
    Text(
        "The name is close to one the profile knows, but not the same.",
        "Le nom est proche d'un nom connu du profil, sans être identique.",
    ),
    Text(
        "Check that this is the column meant, and correct its name.",
        "Vérifiez qu'il s'agit de la bonne colonne et corrigez son nom.",
    ),
)
_define(
    "blank-row",
    INFO,
    Text("Empty row", "Ligne vide"),
    Text("This row is empty; it was left out.", "Cette ligne est vide ; elle a été ignorée."),
    Text(
        "A row without any value is no billing line.",
        "Une ligne sans aucune valeur n'est pas une ligne de facturation.",
    ),
    Text(
        "Remove the line, or fill it in if a billing line is missing here.",
        "Supprimez la ligne, ou remplissez-la s'il manque ici une ligne de facturation.",
    ),
)
_define(
    "extra-cell",
    ERROR,
    Text("Too many cells in a row", "Trop de cellules dans une ligne"),
    Text(
        "The row has {found:number} cells instead of {expected:number}; what is left over at its end was not used.",
        "La ligne a {found:number} cellules au lieu de {expected:number} ; le surplus à la fin n'a pas été utilisé.",
    ),
    Text(
        "A separator inside a value that is not quoted cuts the value in two and shifts the cells behind it.",
        "Un séparateur dans une valeur sans guillemets la coupe en deux et décale les cellules suivantes.",
    ),
    Text(
        "Put the value that holds a separator in quotation marks, or delete the separator too many.",
        "Mettez entre guillemets la valeur qui contient un séparateur, ou supprimez le séparateur en trop.",
    ),
    joined=Text(
        "The row has {found:number} cells instead of {expected:number}; neighbors that belong together were joined.",
        "La ligne a {found:number} cellules au lieu de {expected:number} ; des voisines qui vont "
        "ensemble ont été réunies.",
    ),
    aligned=Text(
        "The row has {found:number} cells instead of {expected:number}; an empty one was left out where "
        "it shifted the rest.",
        "La ligne a {found:number} cellules au lieu de {expected:number} ; une cellule vide qui "
        "décalait le reste a été "
        "ignorée.",
    ),
)
_define(
    "missing-cell",
    ERROR,
    Text("Too few cells in a row", "Cellules manquantes dans une ligne"),
    Text(
        "The row has {found:number} {found:plural|cell|cells} instead of {expected:number}; those "
        "missing at its end were "
        "taken as empty.",
        "La ligne a {found:number} {found:plural|cellule|cellules} au lieu de {expected:number} ; "
        "celles qui manquent à la "
        "fin sont considérées vides.",
    ),
    Text(
        "A row that is cut short, or has lost a separator, does not hold a value for each column.",
        "Une ligne tronquée, ou qui a perdu un séparateur, n'a pas de valeur pour chaque colonne.",
    ),
    Text(
        "Complete the row: one value for each column, even an empty one, with the file's separator between them.",
        "Complétez la ligne : une valeur par colonne, même vide, et entre elles le séparateur du fichier.",
    ),
    aligned=Text(
        "The row has {found:number} {found:plural|cell|cells} instead of {expected:number}; its values "
        "were put under the "
        "columns they fit.",
        "La ligne a {found:number} {found:plural|cellule|cellules} au lieu de {expected:number} ; ses valeurs ont été "
        "placées sous les colonnes qui leur conviennent.",
    ),
)
_define(
    "row-delimiter",
    WARNING,
    Text("Row with another separator", "Ligne avec un autre séparateur"),
    Text(
        "This row separates its cells by {delimiter_name:text}, unlike the others; it was read that way.",
        "Cette ligne sépare ses cellules par {delimiter_name:text}, contrairement aux autres ; elle a été lue ainsi.",
    ),
    Text(
        "All rows of a file must separate their cells in one way.",
        "Toutes les lignes d'un fichier doivent séparer leurs cellules de la même façon.",
    ),
    Text(
        "Correct the row, or export the file again.", "Corrigez la ligne, ou exportez le fichier de nouveau."
    ),
)
_define(
    "second-table",
    ERROR,
    Text("Second table in the file", "Second tableau dans le fichier"),
    Text(
        "Another table with other columns begins here; the {count:number} {count:plural|line|lines} below "
        "{count:plural|was|were} not read.",
        "Un autre tableau, avec d'autres colonnes, commence ici ; {count:plural|la|les} {count:number} "
        "{count:plural|ligne|lignes} qui {count:plural|suit n'a pas été lue|suivent n'ont pas été lues}.",
    ),
    Text("One file is one table.", "Un fichier correspond à un tableau."),
    Text("Send the second table as a file of its own.", "Envoyez le second tableau dans un fichier à part."),
)
_define(
    "unclosed-quote",
    ERROR,
    Text("Quotation mark without its partner", "Guillemet jamais fermé"),
    Text(
        "A quotation mark opens in this row and is not closed; it was read as text, so that no row is swallowed.",
        "Un guillemet s'ouvre dans cette ligne et ne se ferme pas ; il a été lu comme du texte, pour ne "
        "perdre aucune ligne.",
    ),
    Text(
        "A quotation mark at the start of a cell begins a quoted value, which must end with another one.",
        "Un guillemet au début d'une cellule ouvre une valeur, qui doit se terminer par un autre guillemet.",
    ),
    Text(
        "Delete the quotation mark, or add the closing one at the end of the value.",
        "Supprimez le guillemet, ou ajoutez celui qui manque à la fin de la valeur.",
    ),
)
_define(
    "stray-quote",
    WARNING,
    Text("Quotation mark out of place", "Guillemet mal placé"),
    Text(
        "A quotation mark stands inside a value without being doubled; the value was read in the nearest sensible way.",
        "Un guillemet se trouve dans une valeur sans être doublé ; la valeur a été lue de la façon la plus plausible.",
    ),
    Text(
        "Inside a quoted value, a quotation mark must be written twice.",
        "Dans une valeur entre guillemets, un guillemet doit être écrit deux fois.",
    ),
    Text(
        "Check the value. Double the quotation mark inside it, or delete it.",
        "Vérifiez la valeur. Doublez le guillemet qu'elle contient, ou supprimez-le.",
    ),
)
_define(
    "type-error",
    ERROR,
    Text("Value of the wrong kind", "Valeur du mauvais type"),
    Text("“{title:text}” must be {type:text}.", "« {title:text} » doit être {type:text}."),
    Text(
        "The value cannot be read as what the column must hold, so rules that need it leave this row out.",
        "La valeur ne se lit pas comme ce que la colonne doit contenir ; les règles qui en ont besoin "
        "omettent cette ligne.",
    ),
    Text(
        "Correct the value in your system and export again.",
        "Corrigez la valeur dans votre système et réexportez.",
    ),
)
_define(
    "constraint-error",
    ERROR,
    Text("Value outside what is allowed", "Valeur hors de ce qui est permis"),
    Text(
        "“{title:text}” holds a value that is not allowed; expected: {expected:text}.",
        "« {title:text} » contient une valeur qui n'est pas permise ; attendu : {expected:text}.",
    ),
    Text(
        "The file format limits what this column may hold.",
        "Le format du fichier limite ce que cette colonne peut contenir.",
    ),
    Text(
        "Correct the value as the sentence beside it says, and in your system too.",
        "Corrigez la valeur comme le dit la phrase à côté, et aussi dans votre système.",
    ),
    pattern=Text(
        "“{title:text}” is not written as expected: {expected:text}.",
        "« {title:text} » n'a pas la forme attendue : {expected:text}.",
    ),
    enum=Text(
        "“{title:text}” must be one of these values: {expected:text}.",
        "« {title:text} » doit être l'une de ces valeurs : {expected:text}.",
    ),
    minimum=Text(
        "“{title:text}” must be at least {expected:text}.",
        "« {title:text} » doit être d'au moins {expected:text}.",
    ),
    maximum=Text(
        "“{title:text}” must be at most {expected:text}.",
        "« {title:text} » doit être d'au plus {expected:text}.",
    ),
    exclusiveMinimum=Text(
        "“{title:text}” must be more than {expected:text}.",
        "« {title:text} » doit être supérieur à {expected:text}.",
    ),
    exclusiveMaximum=Text(
        "“{title:text}” must be less than {expected:text}.",
        "« {title:text} » doit être inférieur à {expected:text}.",
    ),
    minLengthItems=Text(
        "“{title:text}” has too few entries; it needs at least {expected:number}.",
        "« {title:text} » a trop peu d'éléments ; il en faut au moins {expected:number}.",
    ),
    maxLengthItems=Text(
        "“{title:text}” has too many entries; at most {expected:number} are allowed.",
        "« {title:text} » a trop d'éléments ; {expected:number} au plus.",
    ),
    minLength=Text(
        "“{title:text}” is too short; it needs at least {expected:number} {expected|character|characters}.",
        "« {title:text} » est trop court ; il faut au moins {expected:number} {expected|caractère|caractères}.",
    ),
    maxLength=Text(
        "“{title:text}” is too long; at most {expected:number} {expected|character|characters} are allowed.",
        "« {title:text} » est trop long ; {expected:number} {expected|caractère|caractères} au plus.",
    ),
)
_define(
    "unique-error",
    ERROR,
    Text("Value that may occur only once", "Valeur qui ne peut paraître qu'une fois"),
    Text(
        "This value stands on line {other_line} already.", "Cette valeur figure déjà à la ligne {other_line}."
    ),
    Text(
        "Each row must have its own value in this column.",
        "Chaque ligne doit avoir sa propre valeur dans cette colonne.",
    ),
    Text(
        "Correct the value, or delete the row too many.", "Corrigez la valeur, ou supprimez la ligne en trop."
    ),
)
_define(
    "primary-key",
    ERROR,
    Text("Row key missing or used twice", "Clé de ligne absente ou utilisée deux fois"),
    Text(
        "The key of this row stands on line {other_line} already.",
        "La clé de cette ligne figure déjà à la ligne {other_line}.",
    ),
    Text(
        "The key columns together must name one row only.",
        "Les colonnes clés réunies ne doivent désigner qu'une ligne.",
    ),
    Text("Correct the key, or delete the row too many.", "Corrigez la clé, ou supprimez la ligne en trop."),
    missing=Text(
        "“{title:text}” is part of the row's key and is empty.",
        "« {title:text} » fait partie de la clé de la ligne et est vide.",
    ),
)
_define(
    "foreign-key",
    ERROR,
    Text("Reference to nothing", "Référence sans objet"),
    Text(
        "“{title:text}” refers to something that is not there.",
        "« {title:text} » renvoie à un élément absent.",
    ),
    Text(
        "The value must exist in the table it refers to.",
        "La valeur doit exister dans la table à laquelle elle renvoie.",
    ),
    Text("Correct the value, or add what it refers to.", "Corrigez la valeur, ou ajoutez l'élément visé."),
)
_define(
    "duplicate-row",
    WARNING,
    Text("Row repeated", "Ligne répétée"),
    Text(
        "This row equals line {other_line} in every cell.",
        "Cette ligne est identique à la ligne {other_line}.",
    ),
    Text(
        "A row that comes twice may be billed twice.",
        "Une ligne présente deux fois risque d'être facturée deux fois.",
    ),
    Text("Delete the repeated row.", "Supprimez la ligne répétée."),
)
_define(
    "row-constraint",
    ERROR,
    Text("Row that contradicts itself", "Ligne contradictoire"),
    Text("The values of this row do not go together.", "Les valeurs de cette ligne ne vont pas ensemble."),
    Text(
        "The profile relates columns of one row to each other.",
        "Le profil lie entre elles des colonnes d'une ligne.",
    ),
    Text("Compare the values with your system.", "Comparez les valeurs à votre système."),
)
_define(
    "field-error",
    ERROR,
    Text("Column that cannot be checked", "Colonne impossible à vérifier"),
    Text("“{title:text}” could not be checked.", "« {title:text} » n'a pas pu être vérifiée."),
    Text(
        "The profile describes this column in a way that does not fit.", "Le profil décrit mal cette colonne."
    ),
    Text("Tell the people who maintain the profile.", "Signalez-le aux responsables du profil."),
)
