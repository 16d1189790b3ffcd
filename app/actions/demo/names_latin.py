"""Common given and family names of cultures that write in Latin letters; `_` stands for a space inside a name."""

LATIN: dict[str, tuple[str, str]] = {
    "english": (
        "Olivia Amelia Isla Grace Emily Charlotte Hannah Lucy Megan Alice Rebecca Eleanor Oliver George Harry"
        " Jack Noah Thomas James William Daniel Samuel Matthew Edward Benjamin Joseph Ruth Adam Zoë Chloë",
        "Smith Jones Taylor Brown Wilson Evans Walker Wright Roberts Green Hall Wood Clarke Hughes Edwards Turner"
        " Hill Cooper Ward Morris Moore Baker Harrison Parker Bennett Carter Mitchell Price Shaw Reed Lloyd-Jones"
        " Fox",
    ),
    "irish": (
        "Aoife Saoirse Niamh Siobhán Róisín Ciara Orla Sinéad Maeve Gráinne Caoimhe Éabha Conor Seán Pádraig"
        " Oisín Cian Darragh Fionn Eoin Tadhg Rónán Diarmuid Cillian",
        "Murphy Kelly O'Sullivan Walsh O'Brien Byrne Ryan O'Connor O'Neill Doyle McCarthy Gallagher Doherty"
        " Kennedy Lynch Quinn McLoughlin Ó_Conaill Ní_Bhriain Nolan Healy Ó_Súilleabháin Fitzgerald Moran",
    ),
    "german": (
        "Anna Lena Katharina Julia Sophie Jürgen Jörg Lukas Felix Matthias Björn Käthe Greta Marie Franziska"
        " Sabine Hannelore Sebastian Florian Tobias Stefan Uwe Günther Heike Anke Jannik Moritz Frieda",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter"
        " Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Weiß Jäger Groß von_Berg"
        " Köhler König",
    ),
    "french": (
        "Camille Chloé Léa Manon Élodie Amélie Zoé Inès Margaux Hélène Océane Anaïs Jean-Pierre Louis Hugo Théo"
        " François Mathéo Jérôme Rémi Cédric Gaël Loïc Benoît Éric Noémie Solène Maëlle",
        "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefèvre Michel"
        " Garcia Roux Fournier Girard Mercier Lefebvre André Guérin Boyer François Chevalier Gauthier d'Aubigny"
        " Le_Goff Bézard Noël",
    ),
    "spanish": (
        "Lucía Sofía Martina María_José Paula Valeria Carmen Inés Noelia Rocío Begoña Íngrid Hugo Martín Pablo"
        " Álvaro Adrián Javier José_Luis Andrés Raúl Sebastián Joaquín Iñaki Nicolás Óscar Rubén Jesús",
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández"
        " Díaz Moreno Muñoz Álvarez Romero Gutiérrez Navarro Domínguez Vázquez Ramos Castro Ibáñez Núñez"
        " de_la_Cruz Peña Ordóñez",
    ),
    "portuguese": (
        "Ana Beatriz Inês Leonor Matilde Conceição Mariana Carolina Sofia Francisca Lúcia Flávia João Tiago"
        " Gonçalo Rodrigo António Luís Miguel Fábio Rui Vitória Júlia Letícia Caíque Thiago Antônio Estêvão",
        "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Jesus Sousa Fernandes Gonçalves Gomes"
        " Lopes Marques Alves Almeida Ribeiro Pinto Carvalho Teixeira Moreira Correia Magalhães Araújo Falcão"
        " dos_Santos da_Conceição",
    ),
    "italian": (
        "Giulia Sofia Aurora Chiara Francesca Martina Elisa Benedetta Letizia Ilaria Noemi Niccolò Leonardo"
        " Francesco Alessandro Lorenzo Mattia Andrea Gabriele Riccardo Tommaso Davide Luca Nicolò Lucrezia"
        " Raffaele",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini"
        " Costa Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani D'Angelo Forlì Nicolò Caputo",
    ),
    "dutch": (
        "Emma Julia Sanne Femke Lotte Anouk Maaike Fleur Noor Loïs Daan Sem Lars Bram Thijs Ruben Joost Pieter"
        " Jeroen Coen Floris Wouter Zoë Noëlle Sjoerd Annelies",
        "de_Jong Jansen de_Vries van_den_Berg van_Dijk Bakker Janssen Visser Smit Meijer de_Boer Mulder de_Groot"
        " Bos Vos Peters Hendriks van_Leeuwen Dekker Brouwer de_Wit Dijkstra Smits de_Graaf van_der_Meer 't_Hart",
    ),
    "polish": (
        "Zofia Julia Maja Hanna Małgorzata Agnieszka Katarzyna Łucja Grażyna Bożena Żaneta Elżbieta Jakub Antoni"
        " Jan Szymon Stanisław Paweł Łukasz Michał Wojciech Krzysztof Przemysław Rafał Sławomir Zbigniew",
        "Nowak Kowalczyk Wiśniewski Wójcik Kowal Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski"
        " Kozłowski Jankowski Mazur Wojciechowski Kwiatkowski Krawczyk Piotrowski Grabowski Zając Król Pawłowski"
        " Wróbel Gołąb Żak",
    ),
    "czech": (
        "Eliška Tereza Adéla Kateřina Zdeňka Lucie Věra Jiřina Božena Anežka Šárka Jiří Tomáš Lukáš Ondřej Matěj"
        " Vojtěch Václav Přemysl Štěpán Zdeněk Luboš Marek Radek",
        "Novák Svoboda Novotný Dvořák Černý Procházka Kučera Veselý Horák Němec Pokorný Marek Pospíšil Hájek Král"
        " Růžička Beneš Fiala Sedláček Doležal Zeman Kolář Krejčí Šťastný Říha Vondráček",
    ),
    "nordic": (
        "Astrid Freja Ingrid Sigrid Maja Åsa Märta Linnéa Søren Øyvind Bjørn Lars Nils Håkan Göran Åke Jørgen"
        " Anders Magnus Frida Solveig Ragnhild Torbjörn Gunnar Signe Kåre",
        "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Lindström"
        " Bergström Åberg Sjöberg Hansen Jensen Sørensen Rasmussen Møller Østergaard Nygård Haugen Dahl Solberg"
        " Ødegård Holm",
    ),
    "finnish": (
        "Aino Eevi Helmi Venla Päivi Kaisa Riikka Satu Tuulikki Mikko Juhani Eero Väinö Jukka Pekka Ville Antti"
        " Onni Hannu Elina",
        "Korhonen Virtanen Mäkinen Nieminen Mäkelä Hämäläinen Laine Heikkinen Koskinen Järvinen Lehtonen Saarinen"
        " Salminen Niemi Kinnunen Salonen Turunen Väisänen Räsänen Ylönen",
    ),
    "turkish": (
        "Zeynep Elif Ayşe Çağla Gülşen Özlem Şule İpek Büşra Fatma Mehmet Mustafa Ahmet Oğuz Çağrı Gökhan Ömer"
        " Şükrü İbrahim Burak Emre Yiğit Tuğba Ülkü",
        "Yılmaz Kaya Demir Şahin Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Koç"
        " Kurt Özkan Şimşek Güneş Ünal Bulut Işık Korkmaz",
    ),
    "hungarian": (
        "Ágnes Éva Zsófia Katalin Mária Ilona Erzsébet Réka Boglárka Lilla István László Gábor Péter Zoltán"
        " Attila András Győző Tamás Béla Ödön Balázs",
        "Nagy Kovács Tóth Szabó Horváth Varga Kiss Molnár Németh Farkas Balogh Papp Takács Juhász Lakatos"
        " Mészáros Oláh Simon Rácz Fekete Szűcs Győri",
    ),
    "romanian": (
        "Ioana Andreea Ștefania Mădălina Cătălina Ileana Roxana Bianca Ștefan Mihai Andrei Cătălin Răzvan Ionuț"
        " Gheorghe Dănuț Vlăduț Sorin Șerban Liviu",
        "Popescu Ionescu Popa Dumitrescu Stan Stoica Gheorghiu Rusu Munteanu Matei Constantin Ciobanu Șerban"
        " Lazăr Țurcanu Bălan Sârbu Moldovan Câmpeanu Păun",
    ),
    "croatian": (
        "Ivana Ana Željka Đurđica Marija Lucija Petra Nikolina Snježana Dražen Luka Ivan Željko Tomislav Krešimir"
        " Zvonimir Božidar Anđela Mislav Hrvoje",
        "Horvat Kovačević Babić Marić Jurić Novak Kovačić Knežević Vuković Marković Petrović Matić Tomić Pavlović"
        " Božić Blažević Grgić Pavić Radić Šarić Lončar Đurić",
    ),
    "vietnamese": (
        "Anh Hương Linh Thảo Ngọc Phương Trang Mai Lan Hằng Tuấn Dũng Hùng Minh Quân Đức Hải Khánh Long Phúc"
        " Thắng Việt",
        "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Trịnh",
    ),
    "west_african": (
        "Adébáyọ̀ Olúwaṣeun Ayọ̀délé Fọláṣadé Títílayọ̀ Chinedu Ngozi Chidi Adaeze Ifeoma Kwame Kofi Ama Abena"
        " Yaw Akosua Kwabena Emeka Obinna Nneka Fatou Mamadou",
        "Adéyẹmí Okafor Ọláńrewájú Eze Nwosu Balogun Okonkwo Mensah Owusu Boateng Asante Diallo Traoré Ndiaye"
        " Koné Agyeman Osei Ogunleye Ìdòwú Chukwu Bello Keïta",
    ),
    "east_african": (
        "Wanjiru Achieng Amina Zawadi Neema Njeri Makena Halima Juma Otieno Kamau Baraka Mwangi Kiprono Tendai"
        " Jabari Salim Wambui Akinyi Daudi",
        "Kamau Odhiambo Njoroge Mwangi Ochieng Wanjala Kiptoo Mutua Kariuki Hassan Abdi Onyango Kimani Waweru"
        " Omondi Cheruiyot Juma Ndung'u Nyong'o Maina",
    ),
    "malay": (
        "Nurul Siti Aisyah Farah Hafiz Amir Rizal Putri Dewi Sri Budi Agus Wahyu Ratna Indah Zulkifli Azlan Ayu"
        " Fajar Intan",
        "Abdullah Rahman Ismail Ibrahim Yusof Hassan Santoso Wijaya Kusuma Pratama Hidayat Setiawan Saputra"
        " Nugroho Lestari Hartono Mahmud Othman Salleh Gunawan",
    ),
}
