"""Words that mean a number, a day, a month, yes, no or nothing, in the six languages of memory.reading."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(text: str) -> dict[str, int]:
    """One line for each number, its words after it."""
    return {word: int(number) for number, *words in map(str.split, text.strip().splitlines()) for word in words}


# Words for "one" are articles and pronouns in most of these languages, and are no numbers here.
NUMBERS = _table("""
    0 zero null zéro cero
    1 first erste ersten erster premier première primero primer prima primo primeiro primeira
    2 two second zwei zweite zweiten deux deuxième dos segundo due secondo dois duas
    3 three third drei dritte dritten trois troisième tres tercero tre terzo três terceiro
    4 four fourth vier vierte vierten quatre quatrième cuatro cuarto quattro quatro
    5 five fifth fünf fünfte fünften cinq cinquième cinco quinto cinque
    6 six sixth sechs sechste sechsten sixième seis sexto sei sesto
    7 seven seventh sieben siebte siebten sept septième siete séptimo sette settimo sete
    8 eight eighth acht achte achten huit huitième ocho octavo otto ottavo oito
    9 nine ninth neun neunte neunten neuf neuvième nueve noveno nove nono
    10 ten tenth zehn zehnte zehnten dix dixième diez décimo dieci decimo dez
    11 eleven eleventh elf elfte elften onze once undici
    12 twelve twelfth zwölf zwölfte zwölften douze doce dodici doze
    13 thirteen dreizehn treize trece tredici treze
    14 fourteen vierzehn quatorze catorce quattordici
    15 fifteen fifteenth fünfzehn quinze quince quindici
    16 sixteen sechzehn seize dieciséis sedici dezesseis
    17 seventeen siebzehn diecisiete
    18 eighteen achtzehn dieciocho diciotto dezoito
    19 nineteen neunzehn
    20 twenty twentieth zwanzig vingt veinte venti vinte
    30 thirty thirtieth dreißig trente treinta trenta trinta
    40 forty vierzig quarante cuarenta quaranta quarenta
    50 fifty fünfzig cinquante cincuenta cinquanta cinquenta
    60 sixty sechzig soixante sesenta sessanta sessenta
    70 seventy siebzig setenta settanta
    80 eighty achtzig ochenta ottanta oitenta
    90 ninety neunzig noventa novanta
    100 hundred hundert cent cien cento cem
    1000 thousand tausend mille mil
""")
DAYS = _table("""
    1 monday mondays montag montags lundi lundis lunes lunedì
    2 tuesday tuesdays dienstag dienstags mardi mardis martes martedì
    3 wednesday wednesdays mittwoch mittwochs mercredi mercredis miércoles mercoledì
    4 thursday thursdays donnerstag donnerstags jeudi jeudis jueves giovedì
    5 friday fridays freitag freitags vendredi vendredis viernes venerdì
    6 saturday saturdays samstag samstags samedi samedis sábado sábados sabato
    7 sunday sundays sonntag sonntags dimanche dimanches domingo domingos domenica
""")
MONTHS = _table("""
    1 january januar janvier enero gennaio janeiro
    2 february februar février febrero febbraio fevereiro
    3 march märz mars marzo março
    4 april avril abril aprile
    5 may mai mayo maggio maio
    6 june juni juin junio giugno junho
    7 july juli juillet julio luglio julho
    8 august août agosto
    9 september septembre septiembre settembre setembro
    10 october oktober octobre octubre ottobre outubro
    11 november novembre noviembre novembro
    12 december dezember décembre diciembre dicembre dezembro
""")
CAPITAL_MONTHS = {"may", "march", "august"}  # small, they are other words
NO = _words("""
    not no never nobody nothing none without cannot neither nor nicht kein keine keinen keiner keinem nie niemals ohne
    niemand pas jamais sans aucun aucune nunca sin jamás non senza não nem sem
""")
REFUSING = _words("""
    closed forbidden prohibited banned disallowed false wrong disabled rejected refused denied declined unavailable
    geschlossen verboten untersagt falsch abgelehnt fermé fermée fermés fermées interdit interdite faux refusé refusée
    cerrado cerrada prohibido prohibida falso falsa rechazado chiuso chiusa vietato vietata fechado fechada proibido
    proibida
""")
GRANTING = _words("""
    open allowed permitted true right enabled accepted approved granted available offen geöffnet erlaubt gestattet
    richtig angenommen ouvert ouverte ouverts ouvertes permis permise autorisé autorisée vrai accepté acceptée abierto
    abierta permitido permitida verdadero aceptado aperto aperta permesso aberto aberta
""")
EMPTY = _words("""
    a an the of to in on at for from with by and or as is are was were be been being am do does did has have had it its
    this that these those there will would can could must shall should may might than then so also one der die das den
    dem des ein eine einen einem einer und oder im auf aus bei mit nach von vor zu zum zur ist sind war waren wird
    werden hat haben es sich als auch le la les l un une du de d et ou à au aux en par pour sur est sont été ont il elle
    ne n ce cet cette se el los las lo una uno unos unas y o del al con por para son fue está están su i gli della dello dei
    delle di da che è sono ed nel nella os um uma e dos no na em com ao
""")
