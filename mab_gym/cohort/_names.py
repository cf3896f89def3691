"""Names and places that people are made of. All of them are common or invented; none is taken from a record."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Origin:
    """People of one background: which names they bear and how their race and ethnicity are recorded.

    Attributes:
        weight: How many of a thousand people.
        race: Code and display of HL7 v3 Race.
        hispanic: Whether the recorded ethnicity is Hispanic or Latino.
        families: Family names.
        women: Women's given names.
        men: Men's given names.
    """

    weight: int
    race: tuple[str, str]
    hispanic: bool
    families: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_WHITE = ("2106-3", "White")
_BLACK = ("2054-5", "Black or African American")
_ASIAN = ("2028-9", "Asian")
_ISLANDER = ("2076-8", "Native Hawaiian or Other Pacific Islander")
_OTHER = ("2131-1", "Other")

_ENGLISH_FAMILIES = (
    *_words(
        """Abbott Adams Allen Anderson Armstrong Atkins Bailey Baker Barnes Barrett Bell Bennett Bishop Blake Bowen
        Bradley Brennan Brooks Brown Burke Burns Butler Byrne Campbell Carlson Carpenter Carr Carroll Carter
        Chandler Chapman Clark Clarke Cole Coleman Collins Cook Cooper Cox Crawford Cunningham Dalton Davidson
        Davies Davis Dawson Dean Dixon Donovan Doyle Duncan Dunn Edwards Elliott Ellis Evans Farrell Ferguson
        Fischer Fisher Fleming Fletcher Ford Foster Fowler Fox Francis Fraser Freeman Gallagher Gardner Gibson
        Gilbert Gordon Graham Grant Gray Green Greene Griffin Hall Hamilton Hansen Harper Harris Harrison Hart
        Harvey Hawkins Hayes Henderson Hicks Hill Hoffman Holland Holmes Holt Hopkins Howard Hudson Hughes Hunt
        Hunter Irwin Jackson James Jenkins Jennings Jensen Johnson Johnston Jones Jordan Keller Kelly Kennedy Kerr
        King Klein Knight Kramer Lambert Larson Lawrence Lawson Lewis Lindqvist Logan Long Lowe Lynch MacDonald
        Marshall Martin Mason Matthews Maxwell McCarthy McDonald McGrath McKenzie Meier Meyer Miller Mills
        Mitchell Moore Morgan Morris Morrison Müller Murphy Murray Myers Nelson Newman Nichols Nielsen Nolan
        Norris O'Brien O'Connor O'Neill Olson Owens Palmer Parker Patterson Payne Pearson Perkins Perry Peters
        Peterson Phillips Pierce Porter Powell Price Quinn Ramsey Reed Reid Reynolds Rhodes Rice Richards
        Richardson Riley Roberts Robertson Robinson Rogers Rose Ross Russell Ryan Sanders Schmidt Schneider
        Schroeder Scott Shaw Sheppard Simpson Smith Smyth Snyder Spencer Stephens Stevens Stewart Stone Sullivan
        Sutton Taylor Thompson Thomson Tucker Turner Wagner Walker Wallace Walsh Walters Ward Warner Watkins
        Watson Weaver Webb Weber Webster Wells West Wheeler White Wilkinson Williams Williamson Willis Wilson Wood
        Woods Wright Young Björk Søndergaard Kowalski Nowak Novák Rossi DiAngelo Dubois Lefèvre Beauchamp"""
    ),
    "van Dyke",
    "de Vries",
    "St. James",
    "Le Blanc",
)
_ENGLISH_WOMEN = (
    *_words(
        """Abigail Alice Allison Amanda Amy Andrea Angela Ann Anna Anne Annette Audrey Barbara Beatrice Bernice Beth
        Beverly Bonnie Brenda Brooke Carla Carol Caroline Carrie Catherine Charlotte Cheryl Christina Christine
        Cindy Claire Clara Connie Courtney Crystal Cynthia Dana Dawn Deborah Debra Denise Diana Diane Donna Doris
        Dorothy Edith Eileen Eleanor Elizabeth Ellen Elsa Emily Emma Erica Erika Erin Esther Eva Evelyn Faith
        Florence Frances Gail Geraldine Gina Glenda Gloria Grace Gwendolyn Hannah Harriet Hazel Heather Heidi
        Helen Helga Holly Ida Irene Iris Isabel Jacqueline Jane Janet Janice Jean Jeanne Jenna Jennifer Jessica
        Jill Joan Joanne Jocelyn Josephine Joy Joyce Judith Judy Julia Julie June Karen Katherine Kathleen Kathryn
        Kathy Katie Kayla Kelly Kimberly Kristin Laura Lauren Leah Leslie Lillian Linda Lindsay Lisa Lois Lori
        Lorraine Louise Lucille Lucy Lydia Lynn Mabel Madison Marcia Margaret Maria Marie Marion Marjorie Marlene
        Martha Mary Maureen Megan Melanie Melissa Michelle Mildred Molly Monica Nancy Naomi Natalie Nicole Nina
        Nora Norma Olivia Pamela Patricia Paula Pauline Peggy Penelope Phyllis Rachel Rebecca Regina Renée Rhonda
        Rita Roberta Robin Rosalind Rose Rosemary Ruth Sally Samantha Sandra Sara Sarah Sharon Sheila Shelby
        Shirley Sonia Sophia Sophie Stacy Stella Stephanie Sue Susan Suzanne Sylvia Tamara Tammy Tara Teresa
        Theresa Tiffany Tina Tracy Valerie Vanessa Vera Veronica Vicki Victoria Violet Virginia Vivian Wanda Wendy
        Whitney Yvonne Zoë"""
    ),
    "Mary-Kate",
    "Anne-Marie",
    "Sue-Ellen",
)
_ENGLISH_MEN = (
    *_words(
        """Aaron Adam Alan Albert Alex Alexander Alfred Allan Allen Andrew Anthony Arnold Arthur Austin Barry
        Benjamin Bernard Bradley Brandon Brendan Brett Brian Bruce Bryan Caleb Calvin Cameron Carl Chad Charles
        Chester Christian Christopher Clarence Clark Clifford Clyde Cody Colin Corey Craig Curtis Cyril Dale Dana
        Daniel Darrell David Dean Dennis Derek Donald Douglas Duane Dustin Dylan Earl Edgar Edmund Edward Edwin
        Eric Erik Ernest Ethan Eugene Evan Floyd Francis Frank Franklin Fred Frederick Gabriel Garrett Gary Gavin
        Geoffrey George Gerald Gilbert Glenn Gordon Graham Grant Gregory Guy Harold Harry Harvey Henry Herbert
        Herman Howard Hugh Ian Isaac Jack Jackson Jacob James Jared Jason Jay Jeff Jeffrey Jeremy Jerome Jerry
        Jesse Joel John Jon Jonathan Jordan Joseph Joshua Julian Justin Keith Kenneth Kent Kevin Kirk Kurt Kyle
        Lance Larry Laurence Lawrence Lee Leo Leon Leonard Leroy Leslie Lewis Lloyd Logan Louis Lucas Luke Malcolm
        Marc Marcus Mark Marshall Martin Marvin Matthew Maurice Max Melvin Michael Micheal Milton Mitchell Morris
        Nathan Neal Neil Nicholas Noah Norman Oliver Oscar Owen Patrick Paul Perry Peter Philip Phillip Ralph
        Randall Raymond Reginald René Richard Robert Rodney Roger Roland Ronald Roy Russell Ryan Samuel Scott Sean
        Seth Shane Shaun Sidney Spencer Stanley Stephen Steven Stewart Stuart Ted Terence Terry Theodore Thomas
        Timothy Todd Travis Trevor Tyler Vernon Victor Vincent Wade Wallace Walter Warren Wayne Wesley William
        Zachary"""
    ),
    "Jean-Paul",
    "Karl-Heinz",
)
_SPANISH_FAMILIES = (
    *_words(
        """Acosta Aguilar Álvarez Ayala Barrera Beltrán Bravo Cabrera Calderón Camacho Campos Cárdenas Castillo
        Castro Cervantes Chávez Contreras Cortés Cruz Delgado Díaz Domínguez Escobar Espinoza Estrada Fernández
        Figueroa Flores Fuentes Galván García Garza Gómez González Guerrero Gutiérrez Guzmán Hernández Herrera
        Ibáñez Jiménez Juárez Lara León López Lozano Luna Maldonado Márquez Martínez Medina Mejía Méndez Mendoza
        Meza Miranda Molina Montoya Morales Moreno Muñoz Navarro Núñez Ochoa Orozco Ortega Ortiz Padilla Pacheco
        Peña Pérez Ponce Quintero Ramírez Ramos Reyes Ríos Rivas Rivera Robles Rodríguez Rojas Romero Rosales Ruiz
        Salas Salazar Salinas Sánchez Sandoval Santiago Santos Serrano Silva Solís Soto Suárez Torres Trujillo
        Valdez Valencia Vargas Vásquez Vega Velasco Vélez Villa Villarreal Zamora Zúñiga"""
    ),
    "De la Cruz",
    "De León",
    "Del Río",
)
_SPANISH_WOMEN = _words(
    """Adriana Alejandra Alicia Alma Ana Andrea Ángela Beatriz Blanca Carmen Carolina Catalina Cecilia Claudia
    Cristina Daniela Diana Dolores Elena Elisa Elsa Elvira Esperanza Estela Eva Francisca Gabriela Gloria Graciela
    Guadalupe Inés Irma Isabel Josefina Juana Julia Laura Leticia Lidia Lorena Lourdes Lucía Luz Magdalena Marcela
    Margarita María Mariana Marisol Marta Martha Mercedes Mónica Natalia Norma Olga Patricia Paula Pilar Ramona
    Raquel Rocío Rosa Rosario Sandra Silvia Sofía Sonia Susana Teresa Valeria Verónica Victoria Virginia Xiomara
    Yolanda"""
)
_SPANISH_MEN = _words(
    """Adrián Alberto Alejandro Alfonso Alfredo Andrés Ángel Antonio Armando Arturo Benito Carlos César Cristóbal
    Daniel David Diego Domingo Eduardo Emilio Enrique Ernesto Esteban Felipe Fernando Francisco Gabriel Gerardo
    Gilberto Gonzalo Guillermo Gustavo Héctor Hugo Ignacio Ismael Iván Jaime Javier Jesús Joaquín Jorge José Juan
    Julio Leonardo Lorenzo Luis Manuel Marco Mario Martín Mateo Miguel Nicolás Octavio Óscar Pablo Pedro Rafael
    Ramiro Ramón Raúl Ricardo Roberto Rodolfo Rodrigo Rubén Salvador Santiago Saúl Sergio Tomás Vicente Víctor"""
)

ORIGINS: Final = (
    Origin(480, _WHITE, False, _ENGLISH_FAMILIES, _ENGLISH_WOMEN, _ENGLISH_MEN),
    Origin(120, _BLACK, False, _ENGLISH_FAMILIES, _ENGLISH_WOMEN, _ENGLISH_MEN),
    Origin(150, _OTHER, True, _SPANISH_FAMILIES, _SPANISH_WOMEN, _SPANISH_MEN),
    Origin(70, _WHITE, True, _SPANISH_FAMILIES, _SPANISH_WOMEN, _SPANISH_MEN),
    Origin(
        75,
        _ASIAN,
        False,
        _words("Bui Chan Chang Chen Cheng Chu Dang Dinh Do Fong Ho Hoang Hsu Huang Huynh Lam Le Lee Leung Li Lin"
               " Liu Lu Luong Ma Ngo Nguyen Pham Phan Shen Sun Tan Tang Tran Trinh Truong Tsai Vo Vu Wang Wong Wu"
               " Xu Yang Yu Zhang Zhao Zheng Zhou Zhu"),
        _words("Amy Anh Chi Christine Fang Grace Hoa Hong Hui Jia Jing Lan Li Lily Linda Linh Mai Mei Min Ngoc"
               " Phuong Qing Thao Thi Thuy Tram Vivian Wei Xia Xin Yan Ying Yun"),
        _words("An Andrew Bao Bin Bo Calvin Chao Cheng Chi Cuong Dat Dung Duc Eric Feng Gang Hai Hao Henry Hieu"
               " Hung Jian Jun Kevin Khoa Lei Long Minh Nam Peter Quan Quang Son Tao Thanh Tony Tuan Vinh Wei Xiang"
               " Yong"),
    ),
    Origin(
        45,
        _ASIAN,
        False,
        _words("Agarwal Banerjee Bhatt Bose Chopra Das Desai Gandhi Gupta Iyer Jain Joshi Kapoor Khan Krishnan"
               " Kulkarni Kumar Malhotra Mehta Menon Mishra Mukherjee Nair Patel Pillai Rao Reddy Sethi Shah Sharma"
               " Singh Srinivasan Thakur Trivedi Varma Verma"),
        _words("Aarti Aisha Anita Anjali Asha Deepa Divya Gita Indira Kavita Lakshmi Lata Leela Meena Meera Nisha"
               " Padma Pooja Preeti Priya Radha Rani Rekha Sangeeta Savita Shanti Sunita Usha Vidya"),
        _words("Ajay Amit Anand Anil Arjun Arun Ashok Deepak Dev Gopal Hari Imran Kiran Krishna Mahesh Manoj Mohan"
               " Mukesh Naveen Nikhil Prakash Rahul Raj Rajesh Ravi Rohit Sanjay Sunil Suresh Vijay Vikram Vinod"),
    ),
    Origin(
        35,
        _ASIAN,
        False,
        _words("Ahn Bae Cho Choi Chung Han Hong Hwang Jang Jeong Kang Kim Kwon Lee Lim Moon Oh Park Seo Shin Song"
               " Yoon Fujimoto Hashimoto Ito Kobayashi Nakamura Saito Sato Suzuki Takahashi Tanaka Watanabe"
               " Yamamoto"),
        ("Eun-ji", "Hye-jin", "Ji-woo", "Min-ji", "Soo-jin", "Yeon-hee", "Aiko", "Emiko", "Hanako", "Keiko", "Michiko",
         "Naoko", "Yoko", "Grace", "Esther", "Jane", "Susan"),
        ("Dong-hyun", "Jae-sung", "Ji-hoon", "Min-ho", "Sang-woo", "Sung-min", "Young-ho", "Akira", "Hiroshi", "Kenji",
         "Makoto", "Takeshi", "Daniel", "David", "James", "Paul"),
    ),
    Origin(
        25,
        _ISLANDER,
        False,
        _words("Aumua Faleolo Fifita Kahale Kalani Kealoha Latu Leota Mahoe Makoa Nakoa Pua Sapolu Tavita Tuilagi"
               " Vaipulu"),
        _words("Alana Ana Kailani Leilani Lupe Malia Mele Moana Noelani Sina Talia"),
        _words("Afa Ioane Kai Kaleo Keoni Makoa Manu Sefo Sione Tevita Viliami"),
    ),
)  # fmt: skip

LOOKALIKES: Final = (
    ("Ann", "Anna", "Anne"), ("Sara", "Sarah"), ("Stephen", "Steven"), ("Jon", "John"), ("Eric", "Erik"),
    ("Bryan", "Brian"), ("Phillip", "Philip"), ("Alan", "Allan", "Allen"), ("Katherine", "Catherine", "Kathryn"),
    ("Teresa", "Theresa"), ("Erica", "Erika"), ("Michael", "Micheal"), ("Marc", "Mark"), ("Debra", "Deborah"),
    ("Jeffrey", "Geoffrey"), ("Sean", "Shaun", "Shane"), ("Smith", "Smyth"), ("Clark", "Clarke"), ("Meier", "Meyer"),
    ("Thompson", "Thomson"), ("Green", "Greene"), ("Reed", "Reid"), ("Stephens", "Stevens"), ("Davis", "Davies"),
    ("Fischer", "Fisher"), ("Johnson", "Johnston"), ("Diana", "Diane"), ("Julia", "Julie"),
    ("Christina", "Christine"), ("Sophia", "Sophie"), ("Laurence", "Lawrence"),
)  # fmt: skip
"""Names that are easily taken for each other."""

STREETS: Final = _words(
    """Alder Ash Bay Beacon Birch Bridge Canyon Cedar Cherry Chestnut Church Clover College Cypress Dogwood Eagle Elm
    Fern Forest Foxglove Garden Grove Harbor Hawthorn Hazel Heron Hickory High Hillside Holly Juniper Lake Larch
    Laurel Linden Magnolia Main Maple Meadow Mill Mulberry Oak Orchard Park Pine Pond Poplar Prairie Quarry Ridge
    River Rosewood Sage School Spring Spruce Station Sycamore Valley Walnut Willow"""
)
STREET_KINDS: Final = ("Street", "Avenue", "Road", "Lane", "Drive", "Court", "Way", "Place", "Terrace", "Boulevard")
PLACES: Final = (
    ("Alderbrook", "CA", "940"), ("Port Selma", "CA", "941"), ("Westhaven", "CA", "945"),
    ("Rancho Mirador", "CA", "951"),
    ("Santa Elvira", "CA", "950"), ("Lake Corbin", "CA", "946"), ("Fallow Creek", "CA", "956"),
    ("Eastmere", "CA", "943"),
    ("New Bristow", "CA", "947"), ("Cape Lorne", "OR", "974"), ("Silverdale Park", "NV", "895"),
    ("Mount Harlan", "CA", "953"), ("Pine Hollow", "CA", "959"), ("Bayview Heights", "CA", "944"),
    ("Las Cumbres", "CA", "939"), ("San Aurelio", "CA", "954"), ("Greenfield Junction", "AZ", "853"),
    ("Harrow Point", "WA", "986"), ("Villa Serena", "CA", "937"), ("Stonebridge", "CA", "948"),
)  # fmt: skip
"""Invented towns with their states and the first three digits of their postal codes."""

CLINICIANS: Final = tuple(
    f"{given} {family}, {degree}"
    for given, family, degree in zip(
        ("Alicia", "Bernard", "Chitra", "Dominic", "Elaine", "Farid", "Greta", "Hassan", "Ingrid", "Jerome", "Kavya",
         "Lucas", "Miriam", "Nadia", "Oswald", "Petra", "Quentin", "Rosalie", "Samir", "Tanya", "Ursula", "Viktor",
         "Wendell", "Yasmin"),
        ("Abernathy", "Bexley", "Chandran", "Delacroix", "Eastman", "Farouk", "Gustafson", "Haddad", "Iversen",
         "Jefferies", "Kurup", "Lindholm", "Mandel", "Navarrete", "Oakley", "Petrova", "Quimby", "Renault", "Saab",
         "Takahata", "Ullman", "Vasiliev", "Whitcomb", "Yildiz"),
        ("MD", "MD", "DO", "MD", "NP", "MD") * 4,
        strict=True,
    )
)  # fmt: skip
"""Who orders things; the system holds no Practitioner resources, so they are named by display alone."""


def folded(name: str) -> str:
    """A name without case and accents, as FHIR servers compare strings (FHIR R4, 3.1.1.4.3)."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
